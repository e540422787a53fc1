package io.selkie.config;

import io.selkie.config.ExportConfig.BlockLayouts;
import io.selkie.config.Node.Place;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What one value alone cannot show: exports that overlap, limits that contradict each other. */
final class ConfigCheck {

  /** Bytes of a reply that are not data: a READ of the largest size has to fit into a reply. */
  private static final int REPLY_OVERHEAD_BYTES = 8192;

  private final Problems problems;
  private final RecordBinder binder;

  ConfigCheck(Problems problems, RecordBinder binder) {
    this.problems = problems;
    this.binder = binder;
  }

  /**
   * Checks.
   *
   * @param withExports false when the exports do not count because others stand instead of them
   */
  void check(SelkieConfig config, boolean withExports) {
    if (withExports) {
      exports(config.exports());
      blockLayouts(config);
    }
    SessionConfig sessions = config.sessions();
    notMore(
        "sessions.maxOpensPerClient",
        sessions.maxOpensPerClient(),
        Math.min(sessions.maxOpens(), config.files().maxOpenDescriptions()));
    notMore(
        "sessions.maxCachedResponseBytes",
        sessions.maxCachedResponseBytes(),
        sessions.maxResponseBytes() - REPLY_OVERHEAD_BYTES);
    long least = 2L * (sessions.maxRequestBytes() + sessions.maxResponseBytes());
    if (sessions.maxBufferBytes() > 0 && sessions.maxBufferBytes() < least) {
      at(
          "sessions.maxBufferBytes",
          "is " + sessions.maxBufferBytes() + ", less than two requests and replies may need",
          "raise it to " + least + " or more, or lower the lengths");
    }
    if (sessions.graceSeconds() < sessions.leaseSeconds()) {
      at(
          "sessions.graceSeconds",
          "is "
              + sessions.graceSeconds()
              + ", less than the lease: clients learn of a restart too late",
          "raise it to " + sessions.leaseSeconds() + " or more, or lower sessions.leaseSeconds");
    }
    notMore("sessions.maxClientsPerHost", sessions.maxClientsPerHost(), sessions.maxClients());
    LayoutConfig layout = config.layout();
    notMore("layout.maxLayoutsPerClient", layout.maxLayoutsPerClient(), layout.maxLayouts());
    notMore(
        "delegations.maxDelegationsPerClient",
        config.delegations().maxDelegationsPerClient(),
        config.delegations().maxDelegations());
    RdmaConfig rdma = config.rdma();
    notMore("rdma.maxQueuePairsPerClient", rdma.maxQueuePairsPerClient(), rdma.maxQueuePairs());
    if (config.listen().equals(rdma.listen()) && config.listen().port() != 0) {
      at("rdma.listen", "is the address of 'listen' too", "give each its own port");
    }
    admin(config.admin());
    http(config.http());
  }

  /**
   * A client that does not answer is waited for until its lease and its last access are over; where
   * a disk refuses it, until its last access may be.
   */
  private void blockLayouts(SelkieConfig config) {
    int ioMillis = config.layout().blockIoMillis();
    boolean scsi =
        config.exports().stream().anyMatch(export -> export.hasBlockLayouts(BlockLayouts.SCSI));
    if (scsi && config.layout().fenceBudgetMillis() < ioMillis) {
      at(
          "layout.fenceBudgetMillis",
          "is "
              + config.layout().fenceBudgetMillis()
              + ": with blockLayouts: scsi a client that is cut off may be about to reach the disk"
              + " for another "
              + ioMillis
              + " ms (layout.blockIoMillis)",
          "raise it to "
              + ioMillis
              + ", and make it fit into lease-break-time: raise that, or lower layout.blockIoMillis"
              + " where clients' accesses are known to end sooner");
    }
    long needed = config.sessions().leaseSeconds() * 1000L + config.layout().blockIoMillis();
    boolean any =
        config.exports().stream().anyMatch(export -> export.hasBlockLayouts(BlockLayouts.UNFENCED));
    if (any && config.layout().fenceBudgetMillis() < needed) {
      at(
          "layout.fenceBudgetMillis",
          "is "
              + config.layout().fenceBudgetMillis()
              + ": with blockLayouts: unfenced a client that is cut off has its layouts for another"
              + " "
              + needed
              + " ms (sessions.leaseSeconds and layout.blockIoMillis)",
          "raise it to "
              + needed
              + ", and make it fit into lease-break-time: raise that, or lower"
              + " sessions.leaseSeconds, or layout.blockIoMillis where clients' accesses are known"
              + " to end sooner");
    }
  }

  private void admin(AdminConfig admin) {
    if (!admin.mode().matches("[0-7]{3,4}")) {
      at("admin.mode", "is '" + admin.mode() + "'", "write an octal mode such as 0600 or 0660");
    } else if ((admin.modeBits() & 0600) != 0600 || (admin.modeBits() & ~0660) != 0) {
      at(
          "admin.mode",
          "is " + admin.mode() + ": who may use the socket can fence every client",
          "write 0600, or 0660 and a group");
    }
  }

  private void http(HttpConfig http) {
    if (http.certificateFile().isPresent() != http.keyFile().isPresent()) {
      boolean key = http.keyFile().isPresent();
      at(
          key ? "http.keyFile" : "http.certificateFile",
          "stands without " + (key ? "http.certificateFile" : "http.keyFile"),
          "TLS takes both: give the other one, or neither");
    }
  }

  private void notMore(String key, long value, long limit) {
    if (value > limit) {
      at(key, "is " + value + ", more than the " + limit + " that fit", "lower it to " + limit);
    }
  }

  private void exports(List<ExportConfig> exports) {
    List<Optional<ExportConfig>> known = new ArrayList<>();
    for (int i = 0; i < exports.size(); i++) {
      Optional<ExportConfig> export = export(exports.get(i), "exports[" + i + "]");
      for (int j = 0; j < known.size(); j++) {
        if (export.isPresent() && known.get(j).isPresent()) {
          apart(known.get(j).get(), export.get(), "exports[" + j + "]", "exports[" + i + "]");
        }
      }
      known.add(export);
    }
  }

  private Optional<ExportConfig> export(ExportConfig export, String key) {
    if (!isThere(export, key)) {
      return Optional.empty();
    }
    String name = nameOf(export);
    if (!isName(name)) {
      at(
          key + ".name",
          "'" + name + "' cannot be the name of an export",
          "give it a name, or several with '/' between them, of 1 to 255 bytes each");
      return Optional.empty();
    }
    for (int i = 0; i < export.clients().size(); i++) {
      rule(export.clients().get(i), key + ".clients[" + i + "]");
    }
    return real(export);
  }

  /** Whether there is a directory or a device, and not both. */
  private boolean isThere(ExportConfig export, String key) {
    if (export.isDevice()) {
      return isDevice(export, key);
    }
    if (export.file() != null) {
      at(key + ".file", "is for devices only", "remove it, or write 'device' instead of 'path'");
    }
    if (export.path() == null) {
      at(key + ".path", "is missing", "add it");
    } else if (!Files.exists(export.path())) {
      at(key + ".path", export.path() + " does not exist", "create it, or mend the path");
    } else if (!Files.isDirectory(export.path())) {
      at(key + ".path", export.path() + " is not a directory", "export the directory it is in");
    } else {
      return true;
    }
    return false;
  }

  private boolean isDevice(ExportConfig export, String key) {
    if (export.path() != null) {
      at(key + ".path", "stands beside 'device'", "keep one of the two");
    } else if (!Files.exists(export.device())) {
      at(key + ".device", export.device() + " does not exist", "see daxctl list, or mend the path");
    } else if (Files.isDirectory(export.device()) || Files.isRegularFile(export.device())) {
      at(key + ".device", export.device() + " is not a device", "write 'path' for a directory");
    } else if (!isFileName(export.fileName())) {
      at(key + ".file", "'" + export.fileName() + "' cannot be the name of a file", "mend it");
    } else {
      return true;
    }
    return false;
  }

  private static boolean isFileName(String name) {
    return isName(name) && name.indexOf('/') < 0;
  }

  private static boolean isName(String name) {
    for (String part : name.split("/", -1)) {
      if (part.isEmpty()
          || part.equals(".")
          || part.equals("..")
          || part.indexOf('\0') >= 0
          || part.getBytes(StandardCharsets.UTF_8).length > 255) {
        return false;
      }
    }
    return name.getBytes(StandardCharsets.UTF_8).length <= 1024;
  }

  private void rule(ClientRule rule, String key) {
    if (rule.hosts() != null) {
      for (String host : rule.hostList()) {
        if (HostPattern.parse(host).isEmpty()) {
          at(
              key + ".hosts",
              "'" + host + "' is no address, network or host",
              "write such as 192.0.2.7, 192.0.2.0/24, 2001:db8::/32, host.example.org or *");
        }
      }
    }
    for (String flavor : rule.securityList()) {
      if (!flavor.equals("sys") && !flavor.equals("none")) {
        at(
            key + ".security",
            "'" + flavor + "' is not served",
            "write sys, none, or both with a comma between them");
      }
    }
  }

  private void apart(ExportConfig first, ExportConfig second, String firstKey, String key) {
    Place place = binder.placeOf(firstKey);
    String where = place.line() > 0 ? firstKey + " in line " + place.line() : firstKey;
    if (first.name().equals(second.name())) {
      at(
          key + ".name",
          "the name '" + second.name() + "' is that of " + where + " too",
          "give each export its own name");
    }
    if (first.path().equals(second.path())) {
      at(key + ".path", second.path() + " is exported by " + where + " too", "remove one");
    } else if (nests(first, second) || nests(second, first)) {
      // Who walks from the one into the other crosses over: each file belongs to the inner one.
      return;
    } else if (second.path().startsWith(first.path())) {
      at(
          key + ".path",
          second.path() + " lies inside " + where + ", " + first.path(),
          "exports must not overlap: keep one of the two, or name the inner one by its place in the"
              + " outer one");
    } else if (first.path().startsWith(second.path())) {
      at(
          key + ".path",
          second.path() + " contains " + where + ", " + first.path(),
          "exports must not overlap: keep one of the two, or name the inner one by its place in the"
              + " outer one");
    }
  }

  /** Whether one lies inside another by its name just as by its path. */
  private static boolean nests(ExportConfig outer, ExportConfig inner) {
    return inner.path().startsWith(outer.path())
        && inner.name().equals(outer.name() + "/" + outer.path().relativize(inner.path()));
  }

  private void at(String key, String message, String remedy) {
    problems.at(binder.placeOf(key), key, message, remedy);
  }

  /** With its real path and its name; empty when the path does not exist. */
  static Optional<ExportConfig> real(ExportConfig export) {
    try {
      Path real = (export.isDevice() ? export.device() : export.path()).toRealPath();
      return Optional.of(
          new ExportConfig(
              real,
              export.isDevice() ? real : null,
              export.isDevice() ? export.fileName() : null,
              nameOf(export),
              export.readOnly(),
              export.layouts(),
              export.blockLayouts(),
              export.clients()));
    } catch (IOException _) {
      return Optional.empty();
    }
  }

  private static String nameOf(ExportConfig export) {
    if (export.name() != null) {
      return export.name();
    }
    Path given = export.isDevice() ? export.device() : export.path();
    Path last = given.toAbsolutePath().normalize().getFileName();
    return last == null ? "" : last.toString();
  }
}
