package io.selkie.server;

import io.selkie.config.RdmaConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.layout.rdma.RdmaDevices;
import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.layout.rdma.RdmaRouting.Route;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.DeviceMemory;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RegistrationProbe;
import io.selkie.rdma.RegistrationProbe.Verdict;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.rdma.verbs.NativeLibrary;
import io.selkie.server.RdmaService.Listening;
import io.selkie.server.direct.ProvenRouting;
import io.selkie.server.direct.QueuePairGate;
import io.selkie.server.direct.RegistrationMatrix;
import io.selkie.server.direct.RegistrationMatrix.Row;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sets one-sided access up, as the configuration wants it: the software provider, an RDMA device
 * after it has proven itself, or both. Used by one thread, at start; but {@link #prove} by several.
 */
final class RdmaParts {

  private static final Logger LOG = LoggerFactory.getLogger(RdmaParts.class);

  private final RdmaConfig config;
  private final Kernel kernel;
  private final NanoClock clock;
  private final SecureRandom random;
  private final ServerMetrics metrics;
  private final Teardown teardown;
  private final DeviceOpener opener;
  private final RdmaDevices devices;

  /** Opens the RDMA device; a test has another one. */
  @FunctionalInterface
  interface DeviceOpener {
    /**
     * The device that {@code rdma.listen} means.
     *
     * @param address its address; empty for the first there is
     * @throws IOException when there is none; the message says why
     */
    RdmaDevice open(RdmaConfig config, Optional<InetAddress> address) throws IOException;
  }

  /**
   * An RDMA device.
   *
   * @param name as the kernel has it
   * @param address where to listen
   * @param iwarp whether it speaks iWARP
   */
  record RdmaDevice(RdmaProvider provider, String name, InetAddress address, boolean iwarp) {}

  RdmaParts(
      RdmaConfig config,
      Kernel kernel,
      NanoClock clock,
      SecureRandom random,
      ServerMetrics metrics,
      Teardown teardown,
      DeviceOpener opener) {
    this.config = config;
    this.kernel = kernel;
    this.clock = clock;
    this.random = random;
    this.metrics = metrics;
    this.teardown = teardown;
    this.opener = opener;
    this.devices = new RdmaDevices(random);
  }

  /** A device that has proven itself, and what it reaches. */
  private record Proven(RdmaDevice device, RegistrationMatrix matrix) {}

  /**
   * Sets it up.
   *
   * @param sessions whose queue pairs are let in
   * @param exports what there is to be reached
   * @throws IOException when what is wanted cannot be had; the message says why and what to do
   */
  Optional<RdmaService> open(QueuePairGate.Sessions sessions, Collection<Export> exports)
      throws IOException {
    return switch (config.provider()) {
      case OFF -> {
        LOG.info("one-sided access is off (rdma.provider): no layouts");
        yield Optional.empty();
      }
      case IWARP -> {
        LOG.info(
            "one-sided access by iwarp; verbs: {}",
            NativeLibrary.trouble().orElse("built, see selkie doctor for devices"));
        yield Optional.of(serve(sessions, Optional.empty(), "", exports));
      }
      case VERBS -> {
        Proven proven;
        try {
          proven = prove();
        } catch (IOException e) {
          throw new IOException(
              e.getMessage()
                  + "; mend that (selkie doctor says more), or set rdma.provider to auto or iwarp",
              e);
        }
        yield Optional.of(serve(sessions, Optional.of(proven), "", exports));
      }
      case AUTO -> {
        Optional<Proven> proven = Optional.empty();
        String why = "";
        try {
          proven = Optional.of(prove());
        } catch (IOException e) {
          why = "verbs is not used: " + String.valueOf(e.getMessage()).replaceFirst("^verbs: ", "");
          LOG.warn("one-sided access by iwarp alone; {}", why);
        }
        metrics.gauge(Metric.RDMA_PROVIDERS, proven.isPresent() ? () -> 1 : () -> 0, "verbs");
        yield Optional.of(serve(sessions, proven, why, exports));
      }
    };
  }

  // ---------------------------------------------------------------- the device

  private Proven prove() throws IOException {
    InetSocketAddress wanted = SelkieServer.resolve(config.listen());
    boolean any = wanted.getAddress().isAnyLocalAddress();
    RdmaDevice device =
        opener.open(config, any ? Optional.empty() : Optional.of(wanted.getAddress()));
    teardown.later(device.provider());
    RegistrationProbe probe = new RegistrationProbe(device.provider(), device.address(), random);
    Verdict verdict;
    try {
      verdict = probe.probeOwnMemory();
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
    if (!verdict.proven()) {
      device.provider().close();
      throw new IOException(
          "verbs: device %s of %s failed its self-test: %s"
              .formatted(device.name(), device.address().getHostAddress(), verdict.reason()));
    }
    LOG.info(
        "verbs: device {} of {} has proven itself",
        device.name(),
        device.address().getHostAddress());
    return new Proven(device, new RegistrationMatrix(probe, random));
  }

  private static IOException interrupted(InterruptedException e) {
    Thread.currentThread().interrupt();
    return new IOException("interrupted while setting one-sided access up", e);
  }

  /**
   * Tries the device on an export's file system; what comes of it is logged and shown. Blocks for
   * as long as the device and the export's disk do; throws nothing.
   */
  void prove(RegistrationMatrix matrix, Export export) {
    try {
      if (export.isDevice()) {
        proveDevice(matrix, export);
      } else {
        proveFiles(matrix, export);
      }
    } catch (IOException e) {
      LOG.warn("verbs: export {} is not reached by the device: {}", export.name(), e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.error("verbs: export {} is not reached by the device", export.name(), e);
    }
  }

  private void proveFiles(RegistrationMatrix matrix, Export export)
      throws IOException, InterruptedException {
    Row row = matrix.probe(kernel, export.device(), Path.of(export.path()));
    say(export, row);
    String files = FileIdentity.deviceText(row.device());
    reach(files, "read", () -> matrix.reaches(row.device(), false));
    reach(files, "write", () -> matrix.reaches(row.device(), true));
  }

  /** It is ours alone, and no client's before this is over. */
  private void proveDevice(RegistrationMatrix matrix, Export export)
      throws IOException, InterruptedException {
    DeviceMemory memory = export.deviceMemory().orElseThrow();
    if (memory.bad().overlap(0, RegistrationProbe.BYTES_MIN)) {
      throw new IOException("blocks at its beginning are bad, where it would be tried");
    }
    // What nobody may write is not for a device to write either, not even what is there already.
    boolean writes = export.mayHaveLayoutsForWriting();
    Row row =
        matrix.probeDevice(export.standIn().orElseThrow(), export.path(), memory.bytes(), writes);
    // What was mended, if anything was.
    int durable = writes ? memory.writeBack(0, RegistrationProbe.BYTES_MIN) : 0;
    if (durable < 0) {
      throw new IOException("a page at its beginning cannot be had: " + Errno.describe(durable));
    }
    say(export, row);
    reach(export.path(), "read", () -> row.read().how().isPresent());
    reach(export.path(), "write", () -> row.write().how().isPresent());
  }

  private static void say(Export export, Row row) {
    LOG.info(
        "verbs: export {} ({}): read {}, write {}",
        export.name(),
        row.storage().label(),
        row.read().words(),
        row.write().words());
  }

  private void reach(String what, String access, BooleanSupplier reached) {
    metrics.gauge(Metric.RDMA_REACH, () -> reached.getAsBoolean() ? 1 : 0, what, access);
  }

  // ---------------------------------------------------------------- listeners

  private RdmaService serve(
      QueuePairGate.Sessions sessions,
      Optional<Proven> proven,
      String note,
      Collection<Export> exports)
      throws IOException {
    Optional<IwarpProvider> software =
        config.provider() == RdmaConfig.Provider.VERBS
            ? Optional.empty()
            : Optional.of(teardown.later(new IwarpProvider(Limits.iwarp(config), clock, random)));
    Optional<RdmaDomains> softwareDomains = software.map(RdmaDomains::new);
    Optional<RdmaDomains> deviceDomains = proven.map(it -> new RdmaDomains(it.device.provider()));
    RdmaProvider first = software.map(RdmaProvider.class::cast).orElseGet(() -> provider(proven));
    QueuePairGate gate =
        new QueuePairGate(
            sessions,
            softwareDomains.or(() -> deviceDomains).orElseThrow(),
            new QueuePairGate.Limits(config.maxQueuePairs(), config.maxQueuePairsPerClient()),
            first.hasFlush(),
            metrics);
    List<Listening> listeners = new ArrayList<>();
    Optional<Route> softwareRoute = Optional.empty();
    if (software.isPresent()) {
      Listening listening = listenInSoftware(software.get(), softwareDomains.get(), gate, note);
      softwareRoute = Optional.of(listening.route());
      listeners.add(listening);
    }
    RoutingLater later = new RoutingLater();
    Optional<Route> deviceRoute = Optional.empty();
    if (proven.isPresent()) {
      Listening listening =
          listenOnDevice(proven.get().device, deviceDomains.get(), gate, later, software);
      deviceRoute = Optional.of(listening.route());
      listeners.add(listening);
      exports.forEach(export -> prove(proven.get().matrix, export));
    }
    ProvenRouting routing =
        new ProvenRouting(
            softwareRoute,
            deviceRoute,
            proven.map(Proven::matrix),
            config.maxPinnedBytes(),
            clock,
            metrics);
    later.routing = routing;
    long regionBytesMax =
        Math.min(
            first.capabilities().maxRegionBytes(),
            proven
                .map(it -> it.device.provider().capabilities().maxRegionBytes())
                .orElse(Long.MAX_VALUE));
    return new RdmaService(
        listeners, software, routing, regionBytesMax, devices, gate, proven.map(Proven::matrix));
  }

  /** No client has a session, hence no queue pair, before the server listens for NFS. */
  private static final class RoutingLater {
    private volatile ProvenRouting routing;
  }

  private static RdmaProvider provider(Optional<Proven> proven) {
    return proven.orElseThrow().device.provider();
  }

  private Listening listenInSoftware(
      IwarpProvider provider, RdmaDomains domains, QueuePairGate gate, String note)
      throws IOException {
    InetSocketAddress wanted = SelkieServer.resolve(config.listen());
    InetSocketAddress address;
    try {
      address = teardown.later(provider.listen(wanted, gate)).address();
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
    Optional<String> told =
        config
            .advertisedHost()
            .or(() ->
                wanted.getAddress().isAnyLocalAddress()
                    ? Optional.empty()
                    : Optional.of(wanted.getAddress().getHostAddress()));
    LOG.info("one-sided access by {} on {}", provider.name(), address);
    metrics.gauge(Metric.RDMA_PROVIDERS, () -> 1, provider.name());
    return new Listening(
        new Route(provider.name(), domains, devices.add(told, address.getPort())), address, note);
  }

  private Listening listenOnDevice(
      RdmaDevice device,
      RdmaDomains domains,
      QueuePairGate gate,
      RoutingLater later,
      Optional<IwarpProvider> software)
      throws IOException {
    InetSocketAddress wanted =
        new InetSocketAddress(device.address(), port(device, software.isPresent()));
    boolean flush = device.provider().hasFlush();
    var acceptor =
        software.isPresent()
            ? gate.also(
                domains,
                flush,
                client -> later.routing.reached(client),
                client -> later.routing.left(client))
            : gate;
    InetSocketAddress address;
    try {
      address = teardown.later(device.provider().listen(wanted, acceptor)).address();
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
    String host = config.advertisedHost().orElseGet(device.address()::getHostAddress);
    LOG.info("one-sided access by verbs, device {}, on {}", device.name(), address);
    metrics.gauge(Metric.RDMA_PROVIDERS, () -> 1, "verbs");
    String transport = device.iwarp() ? RdmaDeviceAddr4.IWARP : RdmaDeviceAddr4.INFINIBAND;
    Route route =
        new Route(
            "verbs",
            domains,
            devices.add(Optional.of(host), address.getPort(), transport, false),
            flush
                ? Optional.of(devices.add(Optional.of(host), address.getPort(), transport, true))
                : Optional.empty());
    return new Listening(route, address, "device " + device.name());
  }

  /** InfiniBand's ports are not TCP's; an iWARP device's are, so the next one is taken there. */
  private int port(RdmaDevice device, boolean isTaken) {
    int port = config.listen().port();
    return port > 0 && device.iwarp() && isTaken ? port + 1 : port;
  }
}
