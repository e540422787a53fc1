package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.RdmaCmId;
import io.selkie.config.time.NanoClock;
import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.ConnectionAcceptor;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.QueuePairListener;
import io.selkie.rdma.RdmaCapabilities;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaListener;
import io.selkie.rdma.RdmaProvider;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One-sided access through one RDMA device of this machine. See the package's description for how
 * it works.
 */
public final class VerbsProvider implements RdmaProvider {

  private static final Logger LOG = LoggerFactory.getLogger(VerbsProvider.class);

  /** Requests outstanding on a queue pair that was accepted. */
  static final int PASSIVE_DEPTH = 32;

  /** Keys that are not given again, of a device that draws them: one in a thousand of all. */
  private static final int RETIRED_KEYS = 1 << 14;

  private static final int LISTEN_BACKLOG = 256;
  private static final int CLOSE_SECONDS_MAX = 60;
  private static final int EADDRINUSE = 98;

  private final VerbsConfig config;
  private final NanoClock clock;
  private final VerbsLoop loop;
  private final VerbsDevice device;
  private final InetAddress address;
  // Each work of theirs is for one live region, queue pair or domain: bounded by those. Two,
  // because a deregistration may wait for a queue pair that the other one ends.
  private final ThreadPoolExecutor takingBack;
  private final ThreadPoolExecutor tearingDown;
  private final Thread anotherThread = Thread.ofPlatform().unstarted(() -> {});
  private final Set<VerbsDomain> domains = ConcurrentHashMap.newKeySet();
  private final Set<VerbsQueuePair> pairs = ConcurrentHashMap.newKeySet();
  private final Set<VerbsListener> listeners = ConcurrentHashMap.newKeySet();
  private final RetiredKeys retiredKeys;
  private boolean closed;

  private record Chosen(VerbsDevice device, InetAddress address) {}

  private VerbsProvider(VerbsConfig config, NanoClock clock, VerbsLoop loop, Chosen chosen) {
    this.config = config;
    this.clock = clock;
    this.loop = loop;
    this.device = chosen.device;
    this.address = chosen.address;
    // Others count before they come back to a key.
    retiredKeys = new RetiredKeys(device.softIwarp() ? RETIRED_KEYS : 0);
    takingBack = threads("verbs-invalidate-", config.releaseThreads());
    tearingDown = threads("verbs-release-", config.releaseThreads());
  }

  private static ThreadPoolExecutor threads(String name, int most) {
    ThreadFactory factory = Thread.ofPlatform().daemon().name(name, 1).factory();
    ThreadPoolExecutor made =
        new ThreadPoolExecutor(
            most,
            most,
            0,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            factory,
            // What comes after the end is done by whoever brings it.
            (late, pool) -> late.run());
    // Here and for good: a thread made by who fences would keep that one's priority.
    made.prestartAllCoreThreads();
    return made;
  }

  /**
   * Opens the provider with the system's clock.
   *
   * @throws RdmaException with {@link RdmaException.Reason#SYSTEM} when there is no native library
   *     or no device here; the message says why
   */
  public static VerbsProvider open(VerbsConfig config) throws RdmaException {
    return open(config, NanoClock.system());
  }

  /**
   * Opens the provider.
   *
   * @throws RdmaException with {@link RdmaException.Reason#SYSTEM} when there is no native library
   *     or no device here; the message says why
   */
  public static VerbsProvider open(VerbsConfig config, NanoClock clock) throws RdmaException {
    Optional<String> trouble = NativeLibrary.trouble();
    if (trouble.isPresent()) {
      throw unavailable(trouble.get(), null);
    }
    VerbsLoop loop;
    try {
      loop = new VerbsLoop(clock);
    } catch (IOException e) {
      throw unavailable(
          "the kernel's connection manager cannot be opened (module rdma_ucm): " + e.getMessage(),
          e);
    }
    boolean done = false;
    try {
      Chosen chosen = chooseDevice(config, loop);
      done = true;
      LOG.info(
          "verbs: device {} of {}, {}",
          chosen.device.name(),
          chosen.address.getHostAddress(),
          chosen.device.iwarp() ? "iWARP" : "RoCE");
      return new VerbsProvider(config, clock, loop, chosen);
    } catch (IOException e) {
      throw e instanceof RdmaException known ? known : unavailable(e.getMessage(), e);
    } finally {
      if (!done) {
        loop.close();
      }
    }
  }

  private static RdmaException unavailable(String why, Throwable cause) {
    return new RdmaException(RdmaException.Reason.SYSTEM, "verbs: " + why, cause);
  }

  private static Chosen chooseDevice(VerbsConfig config, VerbsLoop loop) throws IOException {
    List<String> tried = new ArrayList<>();
    for (InetAddress address : candidates(config)) {
      RdmaCmId id = loop.firstId();
      VerbsDevice found = null;
      try {
        id.bindAddr(new InetSocketAddress(address, 0));
        if (id.getVerbs() != null) {
          found = VerbsDevice.of(id.getVerbs());
        } else {
          tried.add(address.getHostAddress() + " (belongs to no device)");
        }
      } catch (VerbsException e) {
        tried.add(address.getHostAddress() + " (" + e.getMessage() + ")");
      }
      if (found != null && found.writesOutlastKeys() && !NativeVerbs.canAwaitReceivers()) {
        // Its keys could be taken back, but never be said to be back (S3).
        tried.add(
            "%s (device %s copies on after a deregistration, and this kernel has no way to wait"
                    .formatted(address.getHostAddress(), found.name())
                + " for that: MEMBARRIER_CMD_GLOBAL, which nohz_full takes away)");
        found = null;
      }
      if (found != null) {
        loop.start(found, id);
        return new Chosen(found, address);
      }
      id.destroyId();
    }
    throw unavailable(
        "no RDMA device (see rdma link) belongs to an address of this machine; tried "
            + String.join(", ", tried),
        null);
  }

  private static List<InetAddress> candidates(VerbsConfig config) throws IOException {
    if (config.address().isPresent()) {
      return List.of(config.address().get());
    }
    return NetworkInterface.networkInterfaces()
        .flatMap(NetworkInterface::inetAddresses)
        .filter(Inet4Address.class::isInstance)
        .toList();
  }

  /**
   * Whether this provider can be had here.
   *
   * @param available whether {@link #open} would succeed on the device of the choice
   * @param reason which device, or why not, in words
   */
  public record Availability(boolean available, String reason) {}

  /** Looks, and leaves nothing open. Blocks for as long as the kernel takes to answer. */
  public static Availability availability(VerbsConfig config) {
    try (VerbsProvider found = open(config)) {
      VerbsDevice device = found.device();
      return new Availability(
          true, "device %s, %s".formatted(device.name(), device.iwarp() ? "iWARP" : "RoCE"));
    } catch (RdmaException e) {
      return new Availability(false, e.getMessage().replaceFirst("^verbs: ", ""));
    }
  }

  @Override
  public String name() {
    return "verbs";
  }

  /** The address of this machine that belongs to the device: where to listen. */
  public InetAddress address() {
    return address;
  }

  /** The device's name, as the kernel has it. */
  public String deviceName() {
    return device.name();
  }

  /** Whether the device speaks iWARP; else InfiniBand's transport, as RoCE does. */
  public boolean speaksIwarp() {
    return device.iwarp();
  }

  @Override
  public RdmaCapabilities capabilities() {
    return new RdmaCapabilities(
        device.maxRegionBytes(),
        PrivateData.bytesMax(device.iwarp()),
        // Peers cannot rely on it: whether memory can be flushed is for each region to say.
        false,
        true,
        // Depends on the file system, the kernel and the device: a RegistrationProbe finds out.
        false,
        false);
  }

  @Override
  public Set<Shortcoming> shortcomings() {
    return device.softIwarp() ? EnumSet.allOf(Shortcoming.class) : Set.of();
  }

  @Override
  public boolean hasFlush() {
    return device.flush();
  }

  /** Why there is no FLUSH, in words. */
  String noFlush() {
    return "RDMA FLUSH is not to be had by device %s: it wants soft RoCE or another device that has"
            .formatted(device.name())
        + " it, Linux 6.3 or later, and a native library built with rdma-core 50 or later";
  }

  @Override
  public ProtectionDomain allocateProtectionDomain(String owner) {
    try {
      VerbsDomain domain = new VerbsDomain(this, owner, device.context().allocPd());
      domains.add(domain);
      return domain;
    } catch (IOException e) {
      throw new IllegalStateException(
          "device %s has no protection domain for %s".formatted(device.name(), owner), e);
    }
  }

  @Override
  public RdmaListener listen(InetSocketAddress address, ConnectionAcceptor acceptor)
      throws RdmaException, InterruptedException {
    failIfClosed();
    VerbsListener listener;
    try {
      listener = VerbsListener.open(this, address, LISTEN_BACKLOG, acceptor);
    } catch (IOException e) {
      throw new RdmaException(
          RdmaException.Reason.SYSTEM,
          "listening on %s by device %s: %s%s"
              .formatted(address, device.name(), e.getMessage(), advice(e)),
          e);
    }
    listeners.add(listener);
    synchronized (this) {
      if (!closed) {
        return listener;
      }
    }
    listener.close();
    throw closedException();
  }

  private static String advice(IOException e) {
    boolean inUse = e instanceof VerbsException known && known.errno() == EADDRINUSE;
    return inUse
        ? "; another program listens there"
        : "; the address must be one of the RDMA device's own, the loopback address is none";
  }

  @Override
  public QueuePair connect(
      InetSocketAddress peer,
      ProtectionDomain domain,
      ConnectOptions options,
      QueuePairListener listener)
      throws RdmaException, InterruptedException {
    failIfClosed();
    if (!(domain instanceof VerbsDomain owner) || owner.provider() != this) {
      throw new IllegalArgumentException(domain + " is not of this provider");
    }
    VerbsQueuePair pair = new VerbsConnector(this, peer, owner, options, listener).connect();
    boolean tooLate;
    synchronized (this) {
      tooLate = closed;
    }
    if (tooLate) {
      pair.abort("the provider was closed meanwhile");
      throw closedException();
    }
    return pair;
  }

  private void failIfClosed() throws RdmaException {
    synchronized (this) {
      if (!closed) {
        return;
      }
    }
    throw closedException();
  }

  private static RdmaException closedException() {
    return new RdmaException(RdmaException.Reason.CLOSED, "the verbs provider is closed", null);
  }

  // ---- for the rest of the package ----

  VerbsConfig config() {
    return config;
  }

  NanoClock clock() {
    return clock;
  }

  VerbsLoop loop() {
    return loop;
  }

  VerbsDevice device() {
    return device;
  }

  /** Some thread that is not the caller's, to ask whether memory is confined to one. */
  Thread anotherThread() {
    return anotherThread;
  }

  /** What no region may have for a key now. */
  RetiredKeys retiredKeys() {
    return retiredKeys;
  }

  boolean hasRoom() {
    return pairs.size() < config.maxQueuePairs();
  }

  void add(VerbsQueuePair pair) {
    pairs.add(pair);
  }

  /** The device has forgotten a queue pair; its id ends now, or when the peer said good-bye. */
  void gone(VerbsQueuePair pair, boolean peerSpeaks) {
    pairs.remove(pair);
    if (peerSpeaks) {
      loop.destroyLater(pair.id(), TimeUnit.MILLISECONDS.toNanos(config.lingerMillis()));
    } else {
      loop.destroy(pair.id());
    }
  }

  void forget(VerbsListener listener) {
    listeners.remove(listener);
  }

  void forget(VerbsDomain domain) {
    domains.remove(domain);
  }

  /** Runs a deregistration. */
  void takeBack(Runnable work) {
    takingBack.execute(work);
  }

  /** Runs the end of a queue pair or of a domain. */
  void tearDown(Runnable work) {
    tearingDown.execute(work);
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    for (VerbsListener listener : listeners) {
      listener.close();
    }
    for (VerbsQueuePair pair : pairs) {
      pair.abort("the provider was closed");
    }
    for (VerbsDomain domain : domains) {
      domain.close();
    }
    for (VerbsQueuePair pair : pairs) {
      pair.awaitGone();
    }
    // The last deregistration frees its domain, so this order.
    finish(takingBack);
    finish(tearingDown);
    loop.close();
  }

  private void finish(ThreadPoolExecutor threads) {
    threads.shutdown();
    try {
      if (!threads.awaitTermination(CLOSE_SECONDS_MAX, TimeUnit.SECONDS)) {
        LOG.error(
            "device {} did not let go of everything within {} s; the process's end will",
            device.name(),
            CLOSE_SECONDS_MAX);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
