package io.selkie.config;

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
    if (export.path().toString().isEmpty()) {
      return Optional.empty();
    }
    String name = nameOf(export);
    if (!Files.exists(export.path())) {
      at(key + ".path", export.path() + " does not exist", "create it, or mend the path");
      return Optional.empty();
    }
    if (!Files.isDirectory(export.path())) {
      at(key + ".path", export.path() + " is not a directory", "export the directory it is in");
      return Optional.empty();
    }
    if (name.isEmpty()
        || name.equals(".")
        || name.equals("..")
        || name.indexOf('/') >= 0
        || name.indexOf('\0') >= 0
        || name.getBytes(StandardCharsets.UTF_8).length > 255) {
      at(
          key + ".name",
          "'" + name + "' cannot be the name of an export",
          "give it a name of 1 to 255 bytes without '/'");
      return Optional.empty();
    }
    return real(export);
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
    } else if (second.path().startsWith(first.path())) {
      at(
          key + ".path",
          second.path() + " lies inside " + where + ", " + first.path(),
          "exports must not overlap: keep one of the two");
    } else if (first.path().startsWith(second.path())) {
      at(
          key + ".path",
          second.path() + " contains " + where + ", " + first.path(),
          "exports must not overlap: keep one of the two");
    }
  }

  private void at(String key, String message, String remedy) {
    problems.at(binder.placeOf(key), key, message, remedy);
  }

  /** With its real path and its name; empty when the path does not exist. */
  static Optional<ExportConfig> real(ExportConfig export) {
    try {
      return Optional.of(
          new ExportConfig(
              export.path().toRealPath(), nameOf(export), export.readOnly(), export.layouts()));
    } catch (IOException _) {
      return Optional.empty();
    }
  }

  private static String nameOf(ExportConfig export) {
    if (export.name() != null) {
      return export.name();
    }
    Path last = export.path().toAbsolutePath().normalize().getFileName();
    return last == null ? "" : last.toString();
  }
}
