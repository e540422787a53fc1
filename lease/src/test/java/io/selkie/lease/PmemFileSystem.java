package io.selkie.lease;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A file system on persistent memory, in the guest of {@code test/vm/pmem}: the three that there
 * are, each on a device or part of its own for each of the two ways to have DAX. Only there; they
 * are made anew for each user.
 */
public enum PmemFileSystem {
  /** XFS that shares blocks, every file in DAX state. */
  XFS_REFLINK_ALWAYS("/dev/pmem1", "always", "mkfs.xfs -q -f -m reflink=1"),
  /** XFS that shares blocks, DAX inherited from its root directory. */
  XFS_REFLINK_INODE("/dev/pmem0p1", "inode", "mkfs.xfs -q -f -m reflink=1"),
  /** XFS that does not share blocks. */
  XFS_ALWAYS("/dev/pmem0p2", "always", "mkfs.xfs -q -f -m reflink=0"),
  /** The same with DAX inherited. */
  XFS_INODE("/dev/pmem0p3", "inode", "mkfs.xfs -q -f -m reflink=0"),
  /** ext4. */
  EXT4_ALWAYS("/dev/pmem0p4", "always", "mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0"),
  /** ext4 with DAX inherited. */
  EXT4_INODE("/dev/pmem0p5", "inode", "mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0");

  private static final long COMMAND_SECONDS = 240;

  private final String device;
  private final String dax;
  private final String mkfs;

  PmemFileSystem(String device, String dax, String mkfs) {
    this.device = device;
    this.dax = dax;
    this.mkfs = mkfs;
  }

  /** The block device. */
  public String device() {
    return device;
  }

  /** Whether files can share blocks. */
  public boolean reflinks() {
    return this == XFS_REFLINK_ALWAYS || this == XFS_REFLINK_INODE;
  }

  /** Whether it is XFS. */
  public boolean isXfs() {
    return mkfs.startsWith("mkfs.xfs");
  }

  /** Whether each file may choose. */
  public boolean chooses() {
    return dax.equals("inode");
  }

  /** Makes it anew and mounts it; where files may choose, all below choose DAX. */
  public Mounted make() throws IOException, InterruptedException {
    return make(List.of());
  }

  /**
   * The same.
   *
   * @param more options of mkfs
   */
  public Mounted make(List<String> more) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(mkfs.split(" ", -1)));
    command.addAll(more);
    command.add(device);
    run(command);
    Path at = Files.createTempDirectory("pmem-");
    var mounted = new Mounted(this, at);
    mounted.mount();
    if (chooses()) {
      // The flag of XFS is ext4's too, by the same call; new files have it from their directory.
      run("xfs_io", "-c", "chattr +x", at.toString());
    }
    return mounted;
  }

  /**
   * One that is mounted; closing it unmounts, whoever uses it still.
   *
   * @param type which
   * @param root where
   */
  public record Mounted(PmemFileSystem type, Path root) implements AutoCloseable {

    /** Mounts it, anew for instance. */
    public void mount() throws IOException, InterruptedException {
      run("mount", "-o", "dax=" + type.dax, type.device, root.toString());
    }

    /** Unmounts it; fails while it is in use. */
    public void unmount() throws IOException, InterruptedException {
      run("umount", root.toString());
    }

    @Override
    public void close() throws IOException, InterruptedException {
      run("umount", "-l", root.toString());
    }
  }

  /** Runs a command to its end and answers what it said; fails when it fails. */
  public static String run(String... command) throws IOException, InterruptedException {
    return run(Arrays.asList(command));
  }

  private static String run(List<String> command) throws IOException, InterruptedException {
    Path words = Files.createTempFile("words-", null);
    try {
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(words.toFile())
              .start();
      boolean ended = process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS);
      String said = Files.readString(words, UTF_8);
      if (!ended || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new IOException(
            command + (ended ? " failed with " + process.exitValue() : " hangs") + ": " + said);
      }
      return said;
    } finally {
      Files.delete(words);
    }
  }
}
