package io.selkie.posix;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A disk's list of bad sectors as sysfs has it, in a directory of a test's own. */
public final class PretendedBadBlocks {
  private static final int SECTOR_BYTES = 512;

  private final Path sysfs;
  private final Path list;

  /**
   * A list with nothing in it.
   *
   * @param sysfs that directory, which is made
   * @param device of files on the disk, as in {@link BadBlockLists#ofDisk}
   */
  public PretendedBadBlocks(Path sysfs, long device) throws IOException {
    this.sysfs = sysfs;
    String number = (device >>> 32) + ":" + (device & 0xffffffffL);
    Path disk = Files.createDirectories(sysfs.resolve("dev/block").resolve(number));
    list = disk.resolve("badblocks");
    clear();
  }

  /** The lists of this directory. */
  public BadBlockLists lists(Kernel kernel) {
    return new BadBlockLists(kernel, sysfs);
  }

  /** Says that there is none. */
  public void clear() throws IOException {
    Files.writeString(list, "");
  }

  /**
   * Says that there is one.
   *
   * @param offset of a byte in it, from the beginning of the disk
   */
  public void spoil(long offset) throws IOException {
    Files.writeString(list, offset / SECTOR_BYTES + " 1\n");
  }
}
