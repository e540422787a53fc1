package io.selkie.server.direct;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.rdma.RdmaRouting;
import io.selkie.lease.Seal;
import io.selkie.rdma.Registration;
import io.selkie.server.direct.RegistrationMatrix.Cell;
import io.selkie.server.direct.RegistrationMatrix.Row;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The RDMA device where the matrix says that it reaches the memory, the software provider for all
 * else.
 *
 * <p>A client that gives a layout back unasked, and had no queue pair to the device it names for as
 * long as it held it, seems not to reach that: the software provider comes first for it, until a
 * queue pair of its does come, or for some minutes: it may have had no use for the layout, and ways
 * are mended.
 */
public final class ProvenRouting implements RdmaRouting {

  private static final Logger LOG = LoggerFactory.getLogger(ProvenRouting.class);

  /** For how long a client is not sent to the device again. */
  static final long UNREACHED_NANOS = TimeUnit.MINUTES.toNanos(5);

  private static final String PINNED = "as much memory is pinned as may be (rdma.maxPinnedBytes)";

  private final Optional<Route> software;
  private final Optional<Route> device;
  private final Optional<RegistrationMatrix> matrix;
  private final long pinnedBytesMax;
  private final ServerMetrics metrics;
  private final AtomicLong pinned = new AtomicLong();
  private final NanoClock clock;

  /** Who had a queue pair to the device. */
  private final Map<Long, Reach> reached = new ConcurrentHashMap<>();

  /** Who seems to find no way to it, and since when. */
  private final Map<Long, Long> unreached = new ConcurrentHashMap<>();

  /**
   * How a client reached the device.
   *
   * @param up queue pairs now
   * @param lastNanos when the last one ended; means nothing while some are up
   */
  private record Reach(int up, long lastNanos) {}

  /**
   * Routes.
   *
   * @param software empty when a device is to do it alone
   * @param device empty when there is none
   * @param matrix what the device reaches; there when it is
   * @param pinnedBytesMax of files' memory at a time
   */
  public ProvenRouting(
      Optional<Route> software,
      Optional<Route> device,
      Optional<RegistrationMatrix> matrix,
      long pinnedBytesMax,
      NanoClock clock,
      ServerMetrics metrics) {
    this.software = software;
    this.device = device;
    this.matrix = matrix;
    this.pinnedBytesMax = pinnedBytesMax;
    this.clock = clock;
    this.metrics = metrics;
    metrics.gauge(Metric.RDMA_PINNED_BYTES, pinned::get);
  }

  @Override
  public List<Route> routes() {
    List<Route> all = new ArrayList<>();
    software.ifPresent(all::add);
    device.ifPresent(all::add);
    return all;
  }

  @Override
  public Ways ways(long clientId, Seal seal, boolean write, long bytes) {
    List<Way> usable = new ArrayList<>();
    String reason = "";
    if (device.isPresent()) {
      Optional<Row> row = matrix.flatMap(it -> it.row(seal.target().identity(), seal.exact()));
      Optional<Cell> cell = row.map(it -> write ? it.write() : it.read());
      if (cell.isEmpty()) {
        reason = missed("untried", "its file system was not tried with the RDMA device");
      } else if (cell.get().how().isEmpty()) {
        reason = missed("unproven", cell.get().words());
      } else if (cell.get().pins() && bytes > pinnedBytesMax - pinned.get()) {
        reason = missed("pinned", PINNED);
      } else {
        boolean flush = write && cell.get().flush() && device.get().flushDevice().isPresent();
        usable.add(new Way(device.get(), cell.get().how().get(), cell.get().pins(), flush));
      }
    }
    if (software.isPresent()) {
      Way soft = new Way(software.get(), Registration.PLAIN, false);
      boolean first = !usable.isEmpty() && isUnreached(clientId);
      if (first) {
        reason = missed("unreached", "the client does not reach the RDMA device");
      }
      usable.add(first ? 0 : usable.size(), soft);
    }
    return new Ways(usable, reason);
  }

  private String missed(String kind, String reason) {
    metrics.counter(Metric.RDMA_DEVICE_NOT_USED, kind).inc();
    return reason;
  }

  @Override
  public Optional<Claim> claim(long clientId, Way way, long bytes) {
    boolean isDevice = device.isPresent() && device.get().equals(way.route());
    long counted = isDevice && way.pins() ? bytes : 0;
    if (!reserve(counted)) {
      var _ = missed("pinned", PINNED);
      return Optional.empty();
    }
    return Optional.of(new Counted(clientId, way.route(), isDevice, counted));
  }

  private boolean reserve(long bytes) {
    while (true) {
      long now = pinned.get();
      if (bytes > 0 && bytes > pinnedBytesMax - now) {
        return false;
      }
      if (pinned.compareAndSet(now, now + bytes)) {
        return true;
      }
    }
  }

  /** What takes part in the count of pinned memory, and says of the client what it shows. */
  private final class Counted implements Claim {
    private final long clientId;
    private final Route route;
    private final boolean isDevice;
    private final long bytes;
    private final long sinceNanos = clock.nanoTime();

    Counted(long clientId, Route route, boolean isDevice, long bytes) {
      this.clientId = clientId;
      this.route = route;
      this.isDevice = isDevice;
      this.bytes = bytes;
    }

    @Override
    public void registered() {
      metrics.counter(Metric.RDMA_REGISTRATIONS, route.provider()).inc();
    }

    @Override
    public void givenBack() {
      if (isDevice) {
        unused(clientId, route, sinceNanos);
      }
    }

    @Override
    public void end() {
      pinned.addAndGet(-bytes);
    }
  }

  /** Whether it has a queue pair, or had one after it was told where to. */
  private boolean wasUpSince(long clientId, long nanos) {
    Reach reach = reached.get(clientId);
    return reach != null && (reach.up > 0 || reach.lastNanos - nanos >= 0);
  }

  private void unused(long clientId, Route route, long sinceNanos) {
    boolean missing =
        software.isPresent()
            && !wasUpSince(clientId, sinceNanos)
            && !route.domains().isGone(clientId);
    if (missing && unreached.put(clientId, clock.nanoTime()) == null) {
      LOG.info(
          "client {} gave back what {} offered without having connected to it: by {} for {} s",
          Long.toHexString(clientId),
          route.provider(),
          software.get().provider(),
          TimeUnit.NANOSECONDS.toSeconds(UNREACHED_NANOS));
    }
  }

  private boolean isUnreached(long clientId) {
    Long since = unreached.get(clientId);
    if (since == null) {
      return false;
    }
    boolean over = clock.nanoTime() - since >= UNREACHED_NANOS;
    return !(over && unreached.remove(clientId, since));
  }

  @Override
  public void refused(long clientId, Way way, String reason) {
    metrics.counter(Metric.RDMA_DEVICE_NOT_USED, "refused").inc();
    LOG.warn(
        "{} could not register what it was proven to reach: {}", way.route().provider(), reason);
  }

  /** A queue pair of the client's to the device is up. */
  public void reached(long clientId) {
    reached.merge(clientId, new Reach(1, 0), (old, _) -> new Reach(old.up + 1, 0));
    unreached.remove(clientId);
  }

  /** One that was told to {@link #reached} is not up any more. */
  public void left(long clientId) {
    reached.computeIfPresent(clientId, (_, old) -> new Reach(old.up - 1, clock.nanoTime()));
  }

  @Override
  public void clientGone(long clientId) {
    reached.remove(clientId);
    unreached.remove(clientId);
  }

  /** Octets of files pinned for the device now. */
  public long pinnedBytes() {
    return pinned.get();
  }
}
