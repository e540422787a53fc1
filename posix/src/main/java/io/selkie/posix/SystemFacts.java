package io.selkie.posix;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What the system says about itself in {@code /proc} and {@code /sys}: for the start-up checks (S4)
 * and for the doctor. Each method reads afresh; blocks for local reads only. Safe for use by
 * several threads.
 */
public final class SystemFacts {
  private final Path proc;
  private final Path sys;
  private final Kernel kernel;

  /**
   * Reads from given places.
   *
   * @param proc where procfs is mounted
   * @param sys where sysfs is mounted
   */
  public SystemFacts(Path proc, Path sys, Kernel kernel) {
    this.proc = proc;
    this.sys = sys;
    this.kernel = kernel;
  }

  /** Of this machine and process. */
  public static SystemFacts of(Kernel kernel) {
    return new SystemFacts(Path.of("/proc"), Path.of("/sys"), kernel);
  }

  /**
   * Seconds from the break of a lease until the kernel takes it ({@code lease-break-time}).
   *
   * @throws IOException when it cannot be read: without it the server must not start (S4)
   */
  public int leaseBreakSeconds() throws IOException {
    Path file = proc.resolve("sys/fs/lease-break-time");
    String text;
    // Not readString: it reads the first byte alone, and of a sysctl the kernel gives the rest only
    // to a read that starts at its beginning: 45 would be 4.
    try (BufferedReader reader = Files.newBufferedReader(file, ISO_8859_1)) {
      text = String.valueOf(reader.readLine()).strip();
    }
    try {
      return Integer.parseInt(text);
    } catch (NumberFormatException e) {
      throw new IOException(file + " says '" + text + "', which is no number of seconds", e);
    }
  }

  /** Mappings this process may have ({@code max_map_count}); empty when it cannot be read. */
  public Optional<Integer> mappingsLimit() {
    return firstLine(proc.resolve("sys/vm/max_map_count"))
        .filter(text -> text.matches("[0-9]{1,9}"))
        .map(Integer::valueOf);
  }

  /** Whether the administrator has leases switched on ({@code leases-enable}); on when unknown. */
  public boolean leasesEnabled() {
    return firstLine(proc.resolve("sys/fs/leases-enable")).map(s -> !s.equals("0")).orElse(true);
  }

  /**
   * Whether users may not link to files that are not theirs and that they may not write ({@code
   * protected_hardlinks}); not when unknown.
   */
  public boolean linksAreProtected() {
    return firstLine(proc.resolve("sys/fs/protected_hardlinks"))
        .map(s -> !s.equals("0"))
        .orElse(false);
  }

  /**
   * The effective capabilities of this process.
   *
   * @throws IOException when they cannot be read
   */
  public Set<Capability> capabilities() throws IOException {
    Path file = proc.resolve("self/status");
    for (String line : Files.readAllLines(file, ISO_8859_1)) {
      if (line.startsWith("CapEff:")) {
        return Capability.of(Long.parseUnsignedLong(line.substring(7).strip(), 16));
      }
    }
    throw new IOException(file + " has no line CapEff");
  }

  /** Bytes this process may lock; {@code Long.MAX_VALUE} when unlimited. */
  public long memlockLimitBytes() {
    return kernel.resourceLimit(ResourceLimits.MEMLOCK);
  }

  /** Descriptors this process may have open. */
  public long openFilesLimit() {
    return kernel.resourceLimit(ResourceLimits.NOFILE);
  }

  /**
   * Every mount this process sees, in the kernel's order.
   *
   * @throws IOException when they cannot be read
   */
  public List<MountFacts> mounts() throws IOException {
    List<MountFacts> mounts = new ArrayList<>();
    // Names that are not UTF-8 must not make the whole table unreadable.
    for (String line : Files.readAllLines(proc.resolve("self/mountinfo"), ISO_8859_1)) {
      MountFacts.parse(line).ifPresent(mounts::add);
    }
    return List.copyOf(mounts);
  }

  /**
   * The mount through which a file was reached: by mount id where there is one, else the one
   * mounted last of those with its device.
   *
   * @throws IOException when the mounts cannot be read
   */
  public Optional<MountFacts> mountOf(FileStatus status) throws IOException {
    Optional<MountFacts> byDevice = Optional.empty();
    for (MountFacts mount : mounts()) {
      if (status.hasMountId() && mount.mountId() == status.mountId()) {
        return Optional.of(mount);
      }
      if (mount.device() == status.device()) {
        byDevice = Optional.of(mount);
      }
    }
    return byDevice;
  }

  /** RDMA devices of the kernel, for example {@code mlx5_0}; empty where there are none. */
  public List<RdmaDeviceFacts> rdmaDevices() {
    List<RdmaDeviceFacts> devices = new ArrayList<>();
    for (Path device : list(sys.resolve("class/infiniband"))) {
      for (Path port : list(device.resolve("ports"))) {
        devices.add(
            new RdmaDeviceFacts(
                name(device),
                name(port),
                firstLine(port.resolve("state")).orElse("unknown"),
                firstLine(port.resolve("link_layer")).orElse("unknown"),
                firstLine(device.resolve("node_type")).orElse("unknown")));
      }
    }
    return List.copyOf(devices);
  }

  /** Which boot of the machine this is, the same text until the next; empty when unknown. */
  public String bootId() {
    return firstLine(proc.resolve("sys/kernel/random/boot_id")).orElse("");
  }

  /** Release of the kernel, for example {@code 6.12.1}; empty when it cannot be read. */
  public String kernelRelease() {
    return firstLine(proc.resolve("sys/kernel/osrelease")).orElse("");
  }

  /**
   * A port of an RDMA device.
   *
   * @param device the kernel's name
   * @param port its number
   * @param state as the kernel says, for example {@code 4: ACTIVE}
   * @param linkLayer {@code Ethernet} or {@code InfiniBand}
   * @param nodeType for example {@code 1: CA} or {@code 4: RNIC}
   */
  public record RdmaDeviceFacts(
      String device, String port, String state, String linkLayer, String nodeType) {}

  private static List<Path> list(Path directory) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.sorted().toList();
    } catch (IOException e) {
      // Not there: the machine has none.
      return List.of();
    }
  }

  private static Optional<String> firstLine(Path file) {
    try (Stream<String> lines = Files.lines(file, ISO_8859_1)) {
      return lines.findFirst().map(String::strip);
    } catch (IOException | UncheckedIOException e) {
      return Optional.empty();
    }
  }

  private static String name(Path path) {
    return path.getFileName().toString();
  }
}
