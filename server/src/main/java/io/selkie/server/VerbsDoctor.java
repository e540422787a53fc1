package io.selkie.server;

import io.selkie.config.RdmaConfig;
import io.selkie.posix.AtFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RegistrationProbe;
import io.selkie.rdma.RegistrationProbe.Verdict;
import io.selkie.server.RdmaParts.DeviceOpener;
import io.selkie.server.RdmaParts.RdmaDevice;
import io.selkie.server.direct.RegistrationMatrix;
import io.selkie.server.direct.RegistrationMatrix.Row;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Optional;

/** What an RDMA device would do for a path: the same that a server finds out at its start. */
final class VerbsDoctor {

  private final Kernel kernel;
  private final DeviceOpener opener;

  VerbsDoctor(Kernel kernel, DeviceOpener opener) {
    this.kernel = kernel;
    this.opener = opener;
  }

  /**
   * The findings.
   *
   * @param available whether there is a device that has proven itself
   * @param reason which, or why not
   * @param row what it reaches of the path's file system; empty when that could not be tried
   * @param rowReason why not
   */
  record Finding(boolean available, String reason, Optional<Row> row, String rowReason) {

    static Finding no(String reason) {
      return new Finding(false, reason, Optional.empty(), "there is no device to try");
    }

    /** The same, where {@code rdma.listen} keeps the server from it. */
    Finding unusedAt(InetAddress listen, InetAddress device) {
      return available
          ? new Finding(
              false,
              ("%s, works, but is not at %s (rdma.listen), so that a server would not use it: set"
                      + " that to %s")
                  .formatted(reason, listen.getHostAddress(), device.getHostAddress()),
              row,
              rowReason)
          : this;
    }
  }

  /**
   * Looks, and leaves nothing behind. Blocks for some round trips of the device.
   *
   * @param config the address of the device is that of {@code listen}, unless that is a wildcard.
   *     No device may have this machine's own (the default): then any is looked for, but it is said
   *     that a server would not use it
   * @param path a directory, or a file in the one that is tried
   */
  Finding examine(RdmaConfig config, Path path) {
    try {
      InetSocketAddress wanted = SelkieServer.resolve(config.listen());
      InetAddress host = wanted.getAddress();
      RdmaDevice device = open(config, host);
      try (RdmaProvider provider = device.provider()) {
        Finding found = examine(provider, device, path.toAbsolutePath().normalize());
        return host.isAnyLocalAddress() || host.equals(device.address())
            ? found
            : found.unusedAt(host, device.address());
      }
    } catch (IOException e) {
      return Finding.no(String.valueOf(e.getMessage()).replaceFirst("^verbs: ", ""));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return Finding.no("interrupted");
    }
  }

  private RdmaDevice open(RdmaConfig config, InetAddress host) throws IOException {
    if (host.isAnyLocalAddress()) {
      return opener.open(config, Optional.empty());
    }
    try {
      return opener.open(config, Optional.of(host));
    } catch (IOException e) {
      if (!host.isLoopbackAddress()) {
        throw e;
      }
      return opener.open(config, Optional.empty());
    }
  }

  private Finding examine(RdmaProvider provider, RdmaDevice device, Path path)
      throws InterruptedException {
    String name =
        "device %s of %s, %s"
            .formatted(
                device.name(),
                device.address().getHostAddress(),
                device.iwarp() ? "iWARP" : "RoCE or InfiniBand");
    SecureRandom random = new SecureRandom();
    RegistrationProbe probe = new RegistrationProbe(provider, device.address(), random);
    Verdict own = probe.probeOwnMemory();
    if (!own.proven()) {
      return Finding.no(name + ", failed its self-test: " + own.reason());
    }
    Path directory = Files.isDirectory(path) ? path : path.getParent();
    FileStatus status = new FileStatus();
    kernel.statx(
        Kernel.AT_FDCWD,
        Names.bytes(String.valueOf(directory)),
        AtFlags.SYMLINK_NOFOLLOW,
        FileStatus.MASK_BASIC,
        status);
    try {
      Row row = new RegistrationMatrix(probe, random).probe(kernel, status.device(), directory);
      return new Finding(true, name, Optional.of(row), "");
    } catch (IOException e) {
      return new Finding(true, name, Optional.empty(), e.getMessage());
    }
  }
}
