package io.selkie.posix;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A character device of persistent or CXL memory ({@code /dev/daxX.Y}), as sysfs tells of it.
 *
 * @param path of the device, for people and to open it
 * @param sizeBytes that can be mapped, a multiple of {@code alignBytes}
 * @param alignBytes of mappings: their addresses, offsets and lengths
 * @param identity what it is called for as long as its data lives; empty where the kernel has no
 *     name for that
 * @param facts its directory in sysfs
 * @param badBlocks the list of bad sectors that it lies in, and where in it it begins; empty where
 *     the kernel keeps none
 */
public record DaxDevice(
    Path path,
    long sizeBytes,
    long alignBytes,
    Optional<UUID> identity,
    Path facts,
    Optional<BadBlockList> badBlocks) {

  /** Checks the bounds. */
  public DaxDevice {
    if (sizeBytes <= 0 || alignBytes <= 0 || sizeBytes % alignBytes != 0) {
      throw new IllegalArgumentException(path + ": " + sizeBytes + " bytes by " + alignBytes);
    }
  }

  /** How a device is found by its path. */
  @FunctionalInterface
  public interface Finder {
    /**
     * Looks it up.
     *
     * @throws IOException when it is no such device; the message says what it is and what to do
     */
    DaxDevice find(Path device) throws IOException;
  }

  /** By the sysfs of this machine. */
  public static Finder bySysfs() {
    return device -> find(Path.of("/sys"), device);
  }

  /**
   * Looks a device up.
   *
   * @param sysfs where that is mounted
   */
  static DaxDevice find(Path sysfs, Path device) throws IOException {
    return at(sysfs, device, numberOf(device));
  }

  /** Its number as sysfs writes it, {@code major:minor}. */
  private static String numberOf(Path device) throws IOException {
    Object mode = Files.getAttribute(device, "unix:mode");
    if (((int) mode & 0170000) != 0020000) {
      throw new IOException(
          device + " is no character device; export a /dev/daxX.Y, or a directory by 'path'");
    }
    long number = ((Number) Files.getAttribute(device, "unix:rdev")).longValue();
    long major = ((number >>> 8) & 0xfff) | ((number >>> 32) & ~0xfffL);
    long minor = (number & 0xff) | ((number >>> 12) & ~0xffL);
    return major + ":" + minor;
  }

  /** The same of a device whose number is known. */
  static DaxDevice at(Path sysfs, Path device, String number) throws IOException {
    Path link = sysfs.resolve("dev/char").resolve(number);
    if (!Files.isDirectory(link)) {
      throw new IOException(device + " (" + number + ") is not in " + link + "; mount /sys");
    }
    Path facts = link.toRealPath();
    if (!Files.exists(facts.resolve("size"))
        || !facts.resolve("subsystem").toRealPath().endsWith("dax")) {
      throw new IOException(
          device + " is no DAX device; make one with: ndctl create-namespace -m devdax");
    }
    long align = number(facts.resolve("align")).orElse(2L << 20);
    long size = number(facts.resolve("size")).orElse(0L) / align * align;
    if (size == 0) {
      throw new IOException(device + " has no size; see daxctl list");
    }
    return new DaxDevice(device, size, align, identity(facts), facts, badBlocks(facts));
  }

  /** The namespace that the device is made of knows its uuid. */
  private static Optional<UUID> identity(Path facts) throws IOException {
    for (Path up = facts.getParent(); up != null && up.getNameCount() > 2; up = up.getParent()) {
      Path uuid = up.resolve("uuid");
      if (Files.isReadable(uuid)) {
        String text = Files.readString(uuid).strip();
        return text.isEmpty() ? Optional.empty() : Optional.of(UUID.fromString(text));
      }
    }
    return Optional.empty();
  }

  /** The region that the device lies in has the list, counted from where the region begins. */
  private static Optional<BadBlockList> badBlocks(Path facts) throws IOException {
    Optional<Long> start = number(facts.resolve("resource"));
    for (Path up = facts.getParent(); up != null && up.getNameCount() > 2; up = up.getParent()) {
      Path list = up.resolve("badblocks");
      if (Files.isReadable(list)) {
        Optional<Long> region = number(up.resolve("resource"));
        return start.isPresent() && region.isPresent()
            ? Optional.of(new BadBlockList(list, start.get() - region.get()))
            : Optional.empty();
      }
    }
    return Optional.empty();
  }

  private static Optional<Long> number(Path file) throws IOException {
    if (!Files.isReadable(file)) {
      return Optional.empty();
    }
    return Optional.of(Long.decode(Files.readString(file).strip()));
  }

  /** Whether the device is still there, as long as it was. */
  public boolean isThere() {
    try {
      return number(facts.resolve("size")).orElse(0L) >= sizeBytes;
    } catch (IOException | NumberFormatException _) {
      return false;
    }
  }

  /**
   * A list of bad sectors that the kernel keeps: {@code badblocks} of a disk or region, a line for
   * each run, its first sector and their number, of 512 bytes.
   *
   * @param file the list
   * @param startBytes where the device that is meant begins in what the list is of
   */
  public record BadBlockList(Path file, long startBytes) {
    private static final int SECTOR_BYTES = 512;

    /** Lines that are looked at: the kernel keeps no more in one page. */
    private static final int LINES_MAX = 4096;

    /**
     * Reads it now.
     *
     * @param sizeBytes of the device: what lies outside is left out
     */
    public BadRanges read(long sizeBytes) throws IOException {
      List<long[]> found = new ArrayList<>();
      for (String line : Files.readString(file).split("\n")) {
        String[] words = line.strip().split("\\s+");
        if (words.length != 2 || found.size() == LINES_MAX) {
          continue;
        }
        long from = Long.parseLong(words[0]) * SECTOR_BYTES - startBytes;
        long end = from + Long.parseLong(words[1]) * SECTOR_BYTES;
        if (end > 0 && from < sizeBytes) {
          found.add(new long[] {Math.max(from, 0), Math.min(end, sizeBytes)});
        }
      }
      return BadRanges.of(found);
    }
  }
}
