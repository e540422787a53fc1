package io.selkie.posix;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.Optional;

/**
 * One line of {@code /proc/self/mountinfo}.
 *
 * @param mountId as {@link FileStatus#mountId} has it
 * @param device {@code st_dev}, packed as {@link FileStatus#device}; btrfs and overlayfs report
 *     another one in {@code stat}
 * @param root what of the file system is mounted
 * @param mountPoint where
 * @param mountOptions of this mount, for example {@code rw} and {@code relatime}
 * @param fileSystemType for example {@code ext4}
 * @param source the device or what stands for it
 * @param superOptions of the file system, for example {@code dax=always}
 */
public record MountFacts(
    int mountId,
    long device,
    String root,
    String mountPoint,
    List<String> mountOptions,
    String fileSystemType,
    String source,
    List<String> superOptions) {

  /** Copies the lists. */
  public MountFacts {
    mountOptions = List.copyOf(mountOptions);
    superOptions = List.copyOf(superOptions);
  }

  /** Whether an option is set, of the mount or of the file system. */
  public boolean hasOption(String option) {
    return mountOptions.contains(option) || superOptions.contains(option);
  }

  /**
   * Reads a line; empty when it is not of the documented form ({@code proc_pid_mountinfo(5)}).
   *
   * <pre>id parent major:minor root point options [tags ...] - type source super-options</pre>
   */
  static Optional<MountFacts> parse(String line) {
    String[] fields = line.split(" ");
    int dash = 6;
    while (dash < fields.length && !fields[dash].equals("-")) {
      dash++;
    }
    if (dash + 3 > fields.length - 1) {
      return Optional.empty();
    }
    String[] device = fields[2].split(":");
    if (device.length != 2) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          new MountFacts(
              Integer.parseInt(fields[0]),
              Long.parseLong(device[0]) << 32 | Long.parseLong(device[1]),
              unescape(fields[3]),
              unescape(fields[4]),
              List.of(fields[5].split(",")),
              fields[dash + 1],
              unescape(fields[dash + 2]),
              List.of(fields[dash + 3].split(","))));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  /** Undoes the kernel's octal escapes of blanks and backslashes. */
  private static String unescape(String field) {
    byte[] bytes = field.getBytes(ISO_8859_1);
    var out = new ByteArrayOutputStream(bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] == '\\' && i + 3 < bytes.length) {
        out.write(((bytes[i + 1] - '0') << 6) | ((bytes[i + 2] - '0') << 3) | (bytes[i + 3] - '0'));
        i += 3;
      } else {
        out.write(bytes[i]);
      }
    }
    return out.toString(UTF_8);
  }
}
