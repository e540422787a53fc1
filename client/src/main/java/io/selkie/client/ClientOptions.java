package io.selkie.client;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.rdma.RdmaProvider;
import java.time.InstantSource;
import java.util.random.RandomGenerator;

/**
 * How a client works. Immutable; start from {@link #defaults()} and change with the {@code with}
 * methods, which check bounds.
 */
public final class ClientOptions {
  private DirectMode directMode = DirectMode.PREFER;
  private RdmaProvider provider;
  private ProviderChoice providerChoice = ProviderChoice.AUTO;
  private long busyPollNanos;
  private long chunkBytes = 1 << 20;
  private int connectTimeoutMillis = 5_000;
  private int callTimeoutMillis = 10_000;
  private int operationTimeoutMillis = 30_000;
  private int ioTimeoutMillis = 20_000;
  private int drainTimeoutMillis = 5_000;
  private int retryLayoutMillis = 1_000;
  private int slots = 32;
  private int transferBytes = 1 << 20;
  private int unstableBytesMax = 16 << 20;
  private int asyncInFlightMax = 64;
  private int uid;
  private int gid;
  private String owner;
  private RecallBehaviour recallBehaviour = RecallBehaviour.answer();
  private NanoClock clock;
  private Timers timers;
  private InstantSource wallClock = new SystemWallClock();
  private RandomGenerator random = RandomGenerator.of("L64X128MixRandom");

  private ClientOptions() {}

  private ClientOptions copy() {
    ClientOptions copy = new ClientOptions();
    copy.directMode = directMode;
    copy.provider = provider;
    copy.providerChoice = providerChoice;
    copy.busyPollNanos = busyPollNanos;
    copy.chunkBytes = chunkBytes;
    copy.connectTimeoutMillis = connectTimeoutMillis;
    copy.callTimeoutMillis = callTimeoutMillis;
    copy.operationTimeoutMillis = operationTimeoutMillis;
    copy.ioTimeoutMillis = ioTimeoutMillis;
    copy.drainTimeoutMillis = drainTimeoutMillis;
    copy.retryLayoutMillis = retryLayoutMillis;
    copy.slots = slots;
    copy.transferBytes = transferBytes;
    copy.unstableBytesMax = unstableBytesMax;
    copy.asyncInFlightMax = asyncInFlightMax;
    copy.uid = uid;
    copy.gid = gid;
    copy.owner = owner;
    copy.recallBehaviour = recallBehaviour;
    copy.clock = clock;
    copy.timers = timers;
    copy.wallClock = wallClock;
    copy.random = random;
    return copy;
  }

  /** What suits most: prefer direct access, the software provider, bounds of half a minute. */
  public static ClientOptions defaults() {
    return new ClientOptions();
  }

  /** Whether data goes one-sided, for files that do not say otherwise. */
  public DirectMode directMode() {
    return directMode;
  }

  /** Another {@link #directMode}. */
  public ClientOptions withDirectMode(DirectMode value) {
    ClientOptions copy = copy();
    copy.directMode = value;
    return copy;
  }

  /** Who does the one-sided access, when {@link #provider} does not. */
  public ProviderChoice providerChoice() {
    return providerChoice;
  }

  /** Another {@link #providerChoice}. */
  public ClientOptions withProviderChoice(ProviderChoice value) {
    ClientOptions copy = copy();
    copy.providerChoice = value;
    return copy;
  }

  /**
   * RDMA provider that does everything; null lets the client make (and close) its own, by {@link
   * #providerChoice}.
   */
  public RdmaProvider provider() {
    return provider;
  }

  /** Another {@link #provider}. */
  public ClientOptions withProvider(RdmaProvider value) {
    ClientOptions copy = copy();
    copy.provider = value;
    return copy;
  }

  /**
   * How long a waiting thread spins before it blocks; 0 blocks at once, {@link Long#MAX_VALUE}
   * never blocks.
   */
  public long busyPollNanos() {
    return busyPollNanos;
  }

  /** Another {@link #busyPollNanos}. */
  public ClientOptions withBusyPollNanos(long value) {
    ClientOptions copy = copy();
    copy.busyPollNanos = value;
    return copy;
  }

  /** Largest RDMA work request, 4096 to 1 GiB. */
  public long chunkBytes() {
    return chunkBytes;
  }

  /** Another {@link #chunkBytes}. */
  public ClientOptions withChunkBytes(long value) {
    inRange("chunkBytes", value, 4096, 1 << 30);
    ClientOptions copy = copy();
    copy.chunkBytes = value;
    return copy;
  }

  /** Bound on connecting, TCP and RDMA each. */
  public int connectTimeoutMillis() {
    return connectTimeoutMillis;
  }

  /** Another {@link #connectTimeoutMillis}. */
  public ClientOptions withConnectTimeoutMillis(int value) {
    inRange("connectTimeoutMillis", value, 1, 3_600_000);
    ClientOptions copy = copy();
    copy.connectTimeoutMillis = value;
    return copy;
  }

  /** A call not answered in this time breaks its connection and is sent again. */
  public int callTimeoutMillis() {
    return callTimeoutMillis;
  }

  /** Another {@link #callTimeoutMillis}. */
  public ClientOptions withCallTimeoutMillis(int value) {
    inRange("callTimeoutMillis", value, 1, 3_600_000);
    ClientOptions copy = copy();
    copy.callTimeoutMillis = value;
    return copy;
  }

  /** Bound on one operation with all its retries. */
  public int operationTimeoutMillis() {
    return operationTimeoutMillis;
  }

  /** Another {@link #operationTimeoutMillis}. */
  public ClientOptions withOperationTimeoutMillis(int value) {
    inRange("operationTimeoutMillis", value, 1, 3_600_000);
    ClientOptions copy = copy();
    copy.operationTimeoutMillis = value;
    return copy;
  }

  /** A work request that takes longer breaks its queue pair. */
  public int ioTimeoutMillis() {
    return ioTimeoutMillis;
  }

  /** Another {@link #ioTimeoutMillis}. */
  public ClientOptions withIoTimeoutMillis(int value) {
    inRange("ioTimeoutMillis", value, 1, 3_600_000);
    ClientOptions copy = copy();
    copy.ioTimeoutMillis = value;
    return copy;
  }

  /**
   * On a recall: how long I/O in flight may take before its queue pair is broken so that the layout
   * can be returned in time.
   */
  public int drainTimeoutMillis() {
    return drainTimeoutMillis;
  }

  /** Another {@link #drainTimeoutMillis}. */
  public ClientOptions withDrainTimeoutMillis(int value) {
    inRange("drainTimeoutMillis", value, 1, 3_600_000);
    ClientOptions copy = copy();
    copy.drainTimeoutMillis = value;
    return copy;
  }

  /**
   * After a refusal that may pass: how long before the layout is asked for again (files that
   * require direct access ask sooner).
   */
  public int retryLayoutMillis() {
    return retryLayoutMillis;
  }

  /** Another {@link #retryLayoutMillis}. */
  public ClientOptions withRetryLayoutMillis(int value) {
    inRange("retryLayoutMillis", value, 0, 3_600_000);
    ClientOptions copy = copy();
    copy.retryLayoutMillis = value;
    return copy;
  }

  /** Requests in flight at a time, 2 to 64; the server may allow fewer. */
  public int slots() {
    return slots;
  }

  /** Another {@link #slots}. */
  public ClientOptions withSlots(int value) {
    inRange("slots", value, 2, 64);
    ClientOptions copy = copy();
    copy.slots = value;
    return copy;
  }

  /** Largest NFS READ or WRITE, 4096 to 4 MiB; the server may allow less. */
  public int transferBytes() {
    return transferBytes;
  }

  /** Another {@link #transferBytes}. */
  public ClientOptions withTransferBytes(int value) {
    inRange("transferBytes", value, 4096, 4 << 20);
    ClientOptions copy = copy();
    copy.transferBytes = value;
    return copy;
  }

  /** Data of unstable NFS writes kept for resending, per file. */
  public int unstableBytesMax() {
    return unstableBytesMax;
  }

  /** Another {@link #unstableBytesMax}. */
  public ClientOptions withUnstableBytesMax(int value) {
    inRange("unstableBytesMax", value, 4096, 1 << 30);
    ClientOptions copy = copy();
    copy.unstableBytesMax = value;
    return copy;
  }

  /** Asynchronous operations in flight; starting one more waits. */
  public int asyncInFlightMax() {
    return asyncInFlightMax;
  }

  /** Another {@link #asyncInFlightMax}. */
  public ClientOptions withAsyncInFlightMax(int value) {
    inRange("asyncInFlightMax", value, 1, 1 << 16);
    ClientOptions copy = copy();
    copy.asyncInFlightMax = value;
    return copy;
  }

  /** AUTH_SYS user id. */
  public int uid() {
    return uid;
  }

  /** AUTH_SYS group id. */
  public int gid() {
    return gid;
  }

  /** Unique name of this client for the server (co_ownerid); null makes one up. */
  public String owner() {
    return owner;
  }

  /** Another {@link #owner}. */
  public ClientOptions withOwner(String value) {
    ClientOptions copy = copy();
    copy.owner = value;
    return copy;
  }

  /** What to do when a layout is recalled. */
  public RecallBehaviour recallBehaviour() {
    return recallBehaviour;
  }

  /** Another {@link #recallBehaviour}. */
  public ClientOptions withRecallBehaviour(RecallBehaviour value) {
    ClientOptions copy = copy();
    copy.recallBehaviour = value;
    return copy;
  }

  /** Monotonic time; null means the system's. */
  public NanoClock clock() {
    return clock;
  }

  /** Another {@link #clock}. */
  public ClientOptions withClock(NanoClock value) {
    ClientOptions copy = copy();
    copy.clock = value;
    return copy;
  }

  /** One-shot timers; null means the client's own event loop. */
  public Timers timers() {
    return timers;
  }

  /** Another {@link #timers}. */
  public ClientOptions withTimers(Timers value) {
    ClientOptions copy = copy();
    copy.timers = value;
    return copy;
  }

  /** Stamps LAYOUTCOMMIT with the time of the last write. */
  public InstantSource wallClock() {
    return wallClock;
  }

  /** Verifiers, owners and transaction ids. */
  public RandomGenerator random() {
    return random;
  }

  /** Another {@link #random}. */
  public ClientOptions withRandom(RandomGenerator value) {
    ClientOptions copy = copy();
    copy.random = value;
    return copy;
  }

  /** Another user, for AUTH_SYS. */
  public ClientOptions withUser(int newUid, int newGid) {
    ClientOptions copy = copy();
    copy.uid = newUid;
    copy.gid = newGid;
    return copy;
  }

  private static void inRange(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(name + " is " + value + ", must be " + min + " to " + max);
    }
  }
}
