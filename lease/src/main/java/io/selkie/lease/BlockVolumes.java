package io.selkie.lease;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The devices that files are on, opened for reading, so that clients who have them too can be told
 * which they are.
 *
 * <p>Only what a client can safely find by its content: one device that holds an XFS or ext4 file
 * system from its first byte. A device of the device mapper, of md, or of whatever else lies on
 * other devices, is refused, and so is a part of one, because one of its members may hold the same
 * bytes at the same place, and a client that took the member for the whole would write to one half
 * of a mirror. So is an XFS file system that has a realtime section: the places of its files are
 * counted on another device, or from another start.
 *
 * <p>Filled at start; safe for use by several threads after that.
 */
public final class BlockVolumes implements AutoCloseable {

  /** sb_rblocks, the blocks of a realtime section; numbers of XFS are big-endian. */
  private static final int XFS_REALTIME_BLOCKS_OFFSET = 16;

  private static final int XFS_NAME_OFFSET = 32;
  private static final int EXT4_SUPERBLOCK_OFFSET = 1024;
  private static final int EXT4_MAGIC_OFFSET = EXT4_SUPERBLOCK_OFFSET + 0x38;
  private static final int EXT4_NAME_OFFSET = EXT4_SUPERBLOCK_OFFSET + 0x68;
  private static final short EXT4_MAGIC_LITTLE_ENDIAN = 0x53EF;
  private static final int NAME_BYTES = 16;

  private final Kernel kernel;
  private final Path sysfs;
  private final Path dev;
  private final Map<Long, BlockVolume> volumes = new LinkedHashMap<>();

  /** Of this machine. */
  public BlockVolumes(Kernel kernel) {
    this(kernel, Path.of("/sys"), Path.of("/dev"));
  }

  /** Where sysfs and the devices' nodes are. */
  BlockVolumes(Kernel kernel, Path sysfs, Path dev) {
    this.kernel = kernel;
    this.sysfs = sysfs;
    this.dev = dev;
  }

  /**
   * Opens the device of a file system, once.
   *
   * @param device {@code stx_dev} of its files
   * @param what the file system, for people
   * @throws BlockVolumeException when clients cannot be told of it; nothing is left behind
   */
  public synchronized BlockVolume open(long device, String what) throws BlockVolumeException {
    BlockVolume known = volumes.get(device);
    if (known != null) {
      return known;
    }
    String number = number(device);
    Path facts = sysfs.resolve("dev/block").resolve(number);
    if (!Files.exists(facts)) {
      throw new BlockVolumeException(
          "block layouts of %s: its device %s is no block device of its own; export an XFS or ext4"
                  .formatted(what, number)
              + " file system on one");
    }
    Optional<String> madeOf = madeOf(facts, what);
    if (madeOf.isPresent()) {
      throw new BlockVolumeException(
          "block layouts of %s: its device is made of others (%s), which a client could mistake"
                  .formatted(what, madeOf.get())
              + " for it; put the file system on a disk or a part of one");
    }
    Path path = dev.resolve(nodeOf(facts, what));
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            path.toString().getBytes(UTF_8),
            OpenFlags.RDONLY | OpenFlags.DIRECT | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      throw new BlockVolumeException(
          "block layouts of %s: opening %s for reading: %s; run the server as root, its unit with"
                  .formatted(what, path, Errno.describe(fd))
              + " DeviceAllow=block-* r");
    }
    BlockVolume volume = null;
    try {
      volume = identify(device, path, fd, what);
      volumes.put(device, volume);
      return volume;
    } finally {
      if (volume == null) {
        kernel.close(fd);
      }
    }
  }

  /**
   * What a device is made of, or the whole that it is a part of; empty when it is nothing but
   * itself.
   *
   * @param facts its directory in sysfs
   */
  private static Optional<String> madeOf(Path facts, String what) throws BlockVolumeException {
    try {
      // A part has its directory within that of the whole.
      Path whole =
          Files.exists(facts.resolve("partition")) ? facts.toRealPath().getParent() : facts;
      for (String kind : List.of("dm", "md")) {
        if (Files.exists(whole.resolve(kind))) {
          return Optional.of(kind);
        }
      }
      Path beneath = whole.resolve("slaves");
      if (!Files.exists(beneath)) {
        return Optional.empty();
      }
      try (Stream<Path> names = Files.list(beneath)) {
        return names.map(Path::getFileName).map(Path::toString).sorted().findFirst();
      }
    } catch (IOException e) {
      throw new BlockVolumeException(
          "block layouts of %s: what its device is made of cannot be read in %s: %s"
              .formatted(what, facts, e));
    }
  }

  private static String nodeOf(Path facts, String what) throws BlockVolumeException {
    try {
      for (String line : Files.readAllLines(facts.resolve("uevent"), UTF_8)) {
        if (line.startsWith("DEVNAME=")) {
          return line.substring(line.indexOf('=') + 1);
        }
      }
    } catch (IOException e) {
      throw new BlockVolumeException(
          "block layouts of " + what + ": " + facts.resolve("uevent") + " cannot be read: " + e);
    }
    throw new BlockVolumeException(
        "block layouts of " + what + ": the kernel has no name for its device, see " + facts);
  }

  private BlockVolume identify(long device, Path path, int fd, String what)
      throws BlockVolumeException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment first = arena.allocate(BlockVolume.BLOCK_BYTES, BlockVolume.BLOCK_BYTES);
      long read = kernel.pread(fd, first, 0);
      if (read != first.byteSize()) {
        throw new BlockVolumeException(
            "block layouts of %s: reading %s: %s; see the kernel's log"
                .formatted(what, path, read < 0 ? Errno.describe(read) : read + " bytes"));
      }
      byte[] magic = first.asSlice(0, 4).toArray(ValueLayout.JAVA_BYTE);
      if (new String(magic, US_ASCII).equals("XFSB")) {
        if (first.asByteBuffer().getLong(XFS_REALTIME_BLOCKS_OFFSET) != 0) {
          throw new BlockVolumeException(
              "block layouts of %s: the XFS file system on %s has a realtime section, whose blocks"
                      .formatted(what, path)
                  + " clients cannot be told of; export a file system without one");
        }
        return volume(device, path, "xfs", fd, XFS_NAME_OFFSET, first);
      }
      ByteBuffer bytes = first.asByteBuffer();
      if (bytes.getShort(EXT4_MAGIC_OFFSET) == EXT4_MAGIC_LITTLE_ENDIAN) {
        return volume(device, path, "ext4", fd, EXT4_NAME_OFFSET, first);
      }
    }
    throw new BlockVolumeException(
        "block layouts of %s: %s begins with no XFS and no ext4; export one of these"
            .formatted(what, path));
  }

  private static BlockVolume volume(
      long device, Path path, String fileSystem, int fd, int nameOffset, MemorySegment first) {
    ByteBuffer name =
        ByteBuffer.wrap(first.asSlice(nameOffset, NAME_BYTES).toArray(ValueLayout.JAVA_BYTE))
            .asReadOnlyBuffer();
    return new BlockVolume(device, path, fileSystem, fd, nameOffset, name);
  }

  /**
   * Refuses a part of a disk: a reservation is of the whole, and so is what clients find.
   *
   * @throws BlockVolumeException when it is one
   */
  public void requireWhole(BlockVolume volume, String what) throws BlockVolumeException {
    if (Files.exists(
        sysfs.resolve("dev/block").resolve(number(volume.device())).resolve("partition"))) {
      throw new BlockVolumeException(
          "SCSI layouts of %s: %s is a part of a disk; put the file system on the whole of one"
              .formatted(what, volume.path()));
    }
  }

  /** As sysfs writes a device number. */
  static String number(long device) {
    return (device >>> 32) + ":" + (device & 0xFFFFFFFFL);
  }

  /** The one that files of a device number are on. */
  public synchronized Optional<BlockVolume> find(long device) {
    return Optional.ofNullable(volumes.get(device));
  }

  /** All that were opened, in that order. */
  public synchronized List<BlockVolume> all() {
    return List.copyOf(volumes.values());
  }

  @Override
  public synchronized void close() {
    volumes.values().forEach(volume -> kernel.close(volume.fd()));
    volumes.clear();
  }
}
