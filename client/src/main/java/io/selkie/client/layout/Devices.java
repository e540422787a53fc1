package io.selkie.client.layout;

import io.selkie.client.ClientCounters;
import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.FallbackReason;
import io.selkie.client.direct.DirectChannel;
import io.selkie.client.direct.Rail;
import io.selkie.client.direct.Rails;
import io.selkie.client.nfs.LayoutCalls;
import io.selkie.client.session.Deadline;
import io.selkie.config.time.NanoClock;
import io.selkie.protocol.layout.rdma.BindingData;
import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.NetAddr4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.RdmaException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

/**
 * The queue pairs to the devices that layouts name: one a device, connected at first use, and again
 * when it broke. Safe for use by several threads; who asks for a device that is being connected
 * waits for it.
 */
public final class Devices implements AutoCloseable {
  private static final int DEVICES_MAX = 1024;
  private static final int QUEUE_DEPTH = 2 * DirectChannel.IN_FLIGHT_MAX;

  private final LayoutCalls calls;
  private final Rails rails;
  private final Supplier<SessionId4> session;
  private final InetAddress server;
  private final NanoClock clock;
  private final ClientCounters counters;
  private final long busyPollNanos;
  private final int connectTimeoutMillis;
  private final long ioTimeoutNanos;
  private final ConcurrentHashMap<DeviceId4, CompletableFuture<DirectChannel>> channels =
      new ConcurrentHashMap<>();

  /** Whether those that offer RDMA FLUSH may still be asked for it; outlives queue pairs. */
  private final ConcurrentHashMap<DeviceId4, AtomicBoolean> flushing = new ConcurrentHashMap<>();

  /**
   * Connects with these providers.
   *
   * @param session the id that binds a queue pair to this client
   * @param server stands in for a device address that says "any"
   */
  public Devices(
      LayoutCalls calls,
      Rails rails,
      Supplier<SessionId4> session,
      InetAddress server,
      NanoClock clock,
      ClientCounters counters,
      long busyPollNanos,
      int connectTimeoutMillis,
      long ioTimeoutNanos) {
    this.calls = calls;
    this.rails = rails;
    this.session = session;
    this.server = server;
    this.clock = clock;
    this.counters = counters;
    this.busyPollNanos = busyPollNanos;
    this.connectTimeoutMillis = connectTimeoutMillis;
    this.ioTimeoutNanos = ioTimeoutNanos;
  }

  /** A queue pair to the device that is up. */
  DirectChannel channel(DeviceId4 device, Deadline deadline)
      throws LayoutRefusedException, IOException {
    while (true) {
      CompletableFuture<DirectChannel> mine = new CompletableFuture<>();
      CompletableFuture<DirectChannel> known = channels.putIfAbsent(device, mine);
      if (known == null) {
        return connectFor(device, mine, deadline);
      }
      DirectChannel channel = await(known, deadline);
      if (channel != null && channel.isUp()) {
        return channel;
      }
      if (channels.remove(device, known) && channel != null) {
        channel.close();
      }
    }
  }

  private DirectChannel connectFor(
      DeviceId4 device, CompletableFuture<DirectChannel> place, Deadline deadline)
      throws LayoutRefusedException, IOException {
    DirectChannel channel = null;
    try {
      if (channels.size() > DEVICES_MAX) {
        throw new LayoutRefusedException(
            FallbackReason.BAD_LAYOUT, "more than " + DEVICES_MAX + " devices");
      }
      channel = connect(device, deadline);
      return channel;
    } finally {
      if (channel == null) {
        channels.remove(device, place);
      }
      // Null tells who waits to try on their own.
      place.complete(channel);
    }
  }

  private static DirectChannel await(CompletableFuture<DirectChannel> known, Deadline deadline)
      throws IOException {
    try {
      return known.get(Math.max(1, deadline.leftNanos()), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      deadline.check("the RDMA connection takes too long", e);
      return null;
    } catch (ExecutionException e) {
      throw new IllegalStateException("places complete normally", e);
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  private static IOException interrupted(InterruptedException cause) {
    Thread.currentThread().interrupt();
    IOException interrupted =
        new java.io.InterruptedIOException("interrupted while connecting to a device");
    interrupted.initCause(cause);
    return interrupted;
  }

  private DirectChannel connect(DeviceId4 device, Deadline deadline)
      throws LayoutRefusedException, IOException {
    RdmaDeviceAddr4 address = calls.deviceAddress(device, deadline);
    InetSocketAddress peer = resolve(address.addr());
    ConnectOptions options =
        new ConnectOptions(
            // A server keeps awake for a client that spins.
            BindingData.request(session.get(), busyPollNanos > 0),
            QUEUE_DEPTH,
            QUEUE_DEPTH,
            busyPollNanos,
            connectTimeoutMillis);
    try {
      Rail rail = rails.railFor(address.transport(), peer);
      QueuePair queuePair = rail.provider().connect(peer, rail.domain(), options);
      counters.increment(Counter.QUEUE_PAIRS);
      boolean flush = address.flush() && BindingData.offersFlush(queuePair.remotePrivateData());
      AtomicBoolean mayFlush =
          flush
              ? flushing.computeIfAbsent(device, _ -> new AtomicBoolean(true))
              : new AtomicBoolean();
      return new DirectChannel(queuePair, rail.memory(), clock, ioTimeoutNanos, mayFlush);
    } catch (RdmaException e) {
      throw new LayoutRefusedException(
          FallbackReason.DEVICE_UNREACHABLE,
          "device " + device + " at " + peer + ": " + e.reason() + ", " + e.getMessage());
    } catch (InterruptedException e) {
      throw interrupted(e);
    }
  }

  /** Addresses only, never names: a server must not make a client ask the name service. */
  private InetSocketAddress resolve(NetAddr4 address) throws LayoutRefusedException {
    try {
      String netid = address.netid();
      if (!netid.equals(RdmaDeviceAddr4.NETID_RDMA) && !netid.equals(RdmaDeviceAddr4.NETID_RDMA6)) {
        throw new IllegalArgumentException("network id " + netid);
      }
      InetAddress host = InetAddress.ofLiteral(address.host());
      return new InetSocketAddress(host.isAnyLocalAddress() ? server : host, address.port());
    } catch (IllegalArgumentException e) {
      throw new LayoutRefusedException(
          FallbackReason.BAD_LAYOUT, "device address " + address + ": " + e.getMessage());
    }
  }

  /** Ends all queue pairs: the session they are bound to is gone, or the client closes. */
  public void closeAll() {
    channels.forEach((device, place) -> {
      if (place.isDone() && channels.remove(device, place)) {
        DirectChannel channel = place.join();
        if (channel != null) {
          channel.close();
        }
      }
    });
    // Of a server's next run the ids are others.
    flushing.clear();
  }

  @Override
  public void close() {
    closeAll();
  }
}
