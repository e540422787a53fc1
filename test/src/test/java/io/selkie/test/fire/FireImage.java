package io.selkie.test.fire;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.FiemapFlags;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.test.support.OtherProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The file system under fire: an image of its own where one may mount, so that each of its blocks
 * can be looked at when all is over. Blocks that a file gave up are discarded, which makes them
 * zero in the image; a byte in one of them came later. Who may not mount, who is not root that is,
 * has a directory.
 */
final class FireImage implements AutoCloseable {

  private static final long IMAGE_BYTES = 96L << 20;
  private static final int BLOCK_BYTES = 4096;
  private static final int EXTENTS_MAX = 1024;

  private static final long DISCARD_NANOS_MAX = TimeUnit.SECONDS.toNanos(60);

  /** As many words of a grant in a row are no coincidence. */
  private static final int RUN_WORDS = 4;

  private final Path image;
  private final Path directory;
  private final List<Piece> pieces = new ArrayList<>();
  private boolean mounted;

  private FireImage(Path image, Path directory, boolean mounted) {
    this.image = image;
    this.directory = directory;
    this.mounted = mounted;
  }

  static FireImage make(Path scratch) throws Exception {
    Path place = Files.createDirectory(scratch.resolve("fire"));
    Path image = scratch.resolve("fire.img");
    if (!mayMount(place)) {
      return new FireImage(image, Files.createDirectory(place.resolve("data")), false);
    }
    boolean mounted =
        run("truncate", "-s", Long.toString(IMAGE_BYTES), image.toString())
            && run(
                "mkfs.ext4",
                "-q",
                "-F",
                "-b",
                Integer.toString(BLOCK_BYTES),
                "-E",
                "lazy_itable_init=0,lazy_journal_init=0",
                image.toString())
            && run("mount", "-o", "loop,discard", image.toString(), place.toString());
    if (!mounted) {
      // Else nobody would look at a block, and nobody would know.
      throw new IOException(image + " cannot be made or mounted; what refused it is printed");
    }
    return new FireImage(image, Files.createDirectory(place.resolve("data")), true);
  }

  /** Whether whoever made a file is root: then there must be an image. */
  static boolean mayMount(Path own) throws IOException {
    return Files.getOwner(own).getName().equals("root");
  }

  /** What is exported. */
  Path directory() {
    return directory;
  }

  /**
   * What was found in the image.
   *
   * @param whole whether there is one
   * @param blocksOfFiles blocks that belong to files
   * @param blocksOfNone all others
   * @param zero those of the others with nothing in them
   */
  record Scan(boolean whole, long blocksOfFiles, long blocksOfNone, long zero) {}

  /** A part of a file, and where it lies in the image. */
  record Piece(Path file, long logical, long physical, long length) {}

  /** Where its files lay when it was taken off. */
  List<Piece> pieces() {
    return pieces;
  }

  /**
   * Takes the file system off and looks at each block of the image: one of a file must be what the
   * file was, one of no file must hold nothing of any grant.
   *
   * @param files their contents, which are all there are
   */
  Scan scan(Map<Path, ByteBuffer> files, Consumer<String> violations) throws Exception {
    return takeOff(files.keySet()) ? look(files, violations) : new Scan(false, 0, 0, 0);
  }

  /** Takes the file system off; false if there is none that could be. */
  boolean takeOff(Set<Path> files) throws Exception {
    if (!mounted) {
      return false;
    }
    for (Path file : files) {
      addPieces(file);
    }
    awaitDiscards();
    umount();
    return true;
  }

  /**
   * The kernel discards behind a commit, in its own time, and not at all once it is being taken
   * off: then what files gave up last would look like bytes that came late. It tells nobody when it
   * has; each look is behind a sync. Bytes that did come late stay, and are found.
   */
  private void awaitDiscards() throws Exception {
    NanoClock clock = NanoClock.system();
    long begun = clock.nanoTime();
    do {
      if (!run("sync", "-f", directory.toString())) {
        throw new IOException("sync of " + directory + " failed");
      }
    } while (holdsGrants() && clock.nanoTime() - begun < DISCARD_NANOS_MAX);
  }

  private boolean holdsGrants() throws IOException {
    List<String> found = new ArrayList<>();
    lookAtBlocksOfNone(map(), blocksOfFiles(), found::add);
    return !found.isEmpty();
  }

  private ByteBuffer map() throws IOException {
    try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, IMAGE_BYTES);
    }
  }

  private BitSet blocksOfFiles() {
    BitSet ofFiles = new BitSet();
    for (Piece piece : pieces) {
      ofFiles.set(
          (int) (piece.physical / BLOCK_BYTES),
          (int) ((piece.physical + piece.length) / BLOCK_BYTES));
    }
    return ofFiles;
  }

  /** How many of them have nothing in them at all. */
  private static long lookAtBlocksOfNone(
      ByteBuffer whole, BitSet ofFiles, Consumer<String> violations) {
    long zero = 0;
    int blocks = (int) (IMAGE_BYTES / BLOCK_BYTES);
    for (int block = ofFiles.nextClearBit(0);
        block < blocks;
        block = ofFiles.nextClearBit(block + 1)) {
      zero += lookForGrants(block, whole.slice(block * BLOCK_BYTES, BLOCK_BYTES), violations);
    }
    return zero;
  }

  /** Where the image is. */
  Path image() {
    return image;
  }

  /** Looks at each block of the image when it was taken off. */
  Scan look(Map<Path, ByteBuffer> files, Consumer<String> violations) throws IOException {
    ByteBuffer whole = map();
    BitSet ofFiles = blocksOfFiles();
    for (Piece piece : pieces) {
      compare(piece, files.get(piece.file), whole, violations);
    }
    long zero = lookAtBlocksOfNone(whole, ofFiles, violations);
    int filled = ofFiles.cardinality();
    return new Scan(true, filled, IMAGE_BYTES / BLOCK_BYTES - filled, zero);
  }

  private static void compare(
      Piece piece, ByteBuffer content, ByteBuffer image, Consumer<String> violations) {
    int length = (int) Math.min(piece.length, content.limit() - piece.logical);
    if (length <= 0) {
      return;
    }
    int differs =
        content
            .slice((int) piece.logical, length)
            .mismatch(image.slice((int) piece.physical, length));
    if (differs >= 0) {
      int at = (int) piece.physical + (differs & -Integer.BYTES);
      violations.accept(
          "%s at %d is not what the file was when all grants were over, but %s"
              .formatted(piece.file, piece.logical + differs, Words.describe(image.getInt(at))));
    }
  }

  /** 1 if there is nothing at all in the block. */
  private static int lookForGrants(int number, ByteBuffer block, Consumer<String> violations) {
    int run = 0;
    int last = 0;
    boolean nothing = true;
    for (int at = 0; at < BLOCK_BYTES; at += Integer.BYTES) {
      int word = block.getInt(at);
      nothing &= word == 0;
      run = word == last ? run + 1 : 1;
      last = word;
      if (run == RUN_WORDS && Words.isGrant(word)) {
        violations.accept(
            "block %d of the image, which belongs to no file, has words %s at %d"
                .formatted(number, Words.describe(word), at - (RUN_WORDS - 1) * Integer.BYTES));
        return 0;
      }
    }
    return nothing ? 1 : 0;
  }

  private void addPieces(Path file) throws IOException {
    LinuxKernel kernel = new LinuxKernel();
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(file.toString()),
            OpenFlags.RDONLY | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      throw new IOException("open " + file + ": " + fd);
    }
    try {
      FiemapPage page = new FiemapPage(EXTENTS_MAX);
      int count = kernel.fiemap(fd, 0, Long.MAX_VALUE, FiemapFlags.REQUEST_SYNC, page);
      if (count < 0 || (count > 0 && !page.isLast())) {
        throw new IOException("FIEMAP of " + file + ": " + count);
      }
      for (int i = 0; i < count; i++) {
        if ((page.flags(i) & FiemapFlags.UNWRITTEN) == 0) {
          pieces.add(new Piece(file, page.logical(i), page.physical(i), page.length(i)));
        }
      }
    } finally {
      kernel.close(fd);
    }
  }

  private void umount() throws Exception {
    if (!run("umount", directory.getParent().toString())) {
      throw new IOException("umount of " + directory.getParent() + " failed");
    }
    mounted = false;
  }

  @Override
  public void close() throws Exception {
    if (mounted) {
      umount();
    }
  }

  private static boolean run(String... command) throws Exception {
    try {
      OtherProcess.Outcome outcome =
          OtherProcess.start(NanoClock.system(), List.of(command))
              .outcome()
              .get(120, TimeUnit.SECONDS);
      if (!outcome.succeeded()) {
        System.out.println(String.join(" ", command) + ": " + outcome.output());
      }
      return outcome.succeeded();
    } catch (IOException e) {
      // No such program: the same as one that says no.
      System.out.println(e);
      return false;
    }
  }
}
