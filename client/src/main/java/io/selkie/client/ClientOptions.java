package io.selkie.client;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.rdma.RdmaProvider;
import java.time.InstantSource;
import java.util.random.RandomGenerator;

/**
 * How a client works. Immutable; start from {@link #defaults()} and change with the {@code with}
 * methods.
 *
 * @param directMode whether data goes one-sided, for files that do not say otherwise
 * @param provider RDMA provider; null lets the client make (and close) the software one
 * @param busyPollNanos how long a waiting thread spins before it blocks; 0 blocks at once, {@link
 *     Long#MAX_VALUE} never blocks
 * @param chunkBytes largest RDMA work request, 4096 to 1 GiB
 * @param connectTimeoutMillis bound on connecting, TCP and RDMA each
 * @param callTimeoutMillis a call not answered in this time breaks its connection and is sent again
 * @param operationTimeoutMillis bound on one operation with all its retries
 * @param ioTimeoutMillis a work request that takes longer breaks its queue pair
 * @param drainTimeoutMillis on a recall: how long I/O in flight may take before its queue pair is
 *     broken so that the layout can be returned in time
 * @param retryLayoutMillis after a refusal that may pass: how long before the layout is asked for
 *     again (files that require direct access ask sooner)
 * @param slots requests in flight at a time, 2 to 64; the server may allow fewer
 * @param transferBytes largest NFS READ or WRITE, 4096 to 4 MiB; the server may allow less
 * @param unstableBytesMax data of unstable NFS writes kept for resending, per file
 * @param asyncInFlightMax asynchronous operations in flight; starting one more waits
 * @param uid AUTH_SYS user id
 * @param gid AUTH_SYS group id
 * @param owner unique name of this client for the server (co_ownerid); null makes one up
 * @param recallBehaviour what to do when a layout is recalled
 * @param clock monotonic time; null means the system's
 * @param timers one-shot timers; null means the client's own event loop
 * @param wallClock stamps LAYOUTCOMMIT with the time of the last write
 * @param random verifiers, owners and transaction ids
 */
public record ClientOptions(
    DirectMode directMode,
    RdmaProvider provider,
    long busyPollNanos,
    long chunkBytes,
    int connectTimeoutMillis,
    int callTimeoutMillis,
    int operationTimeoutMillis,
    int ioTimeoutMillis,
    int drainTimeoutMillis,
    int retryLayoutMillis,
    int slots,
    int transferBytes,
    int unstableBytesMax,
    int asyncInFlightMax,
    int uid,
    int gid,
    String owner,
    RecallBehaviour recallBehaviour,
    NanoClock clock,
    Timers timers,
    InstantSource wallClock,
    RandomGenerator random) {

  /** Checks the bounds. */
  public ClientOptions {
    inRange("chunkBytes", chunkBytes, 4096, 1 << 30);
    inRange("connectTimeoutMillis", connectTimeoutMillis, 1, 3_600_000);
    inRange("callTimeoutMillis", callTimeoutMillis, 1, 3_600_000);
    inRange("operationTimeoutMillis", operationTimeoutMillis, 1, 3_600_000);
    inRange("ioTimeoutMillis", ioTimeoutMillis, 1, 3_600_000);
    inRange("drainTimeoutMillis", drainTimeoutMillis, 1, 3_600_000);
    inRange("retryLayoutMillis", retryLayoutMillis, 0, 3_600_000);
    inRange("slots", slots, 2, 64);
    inRange("transferBytes", transferBytes, 4096, 4 << 20);
    inRange("unstableBytesMax", unstableBytesMax, transferBytes, 1 << 30);
    inRange("asyncInFlightMax", asyncInFlightMax, 1, 1 << 16);
  }

  /** What suits most: prefer direct access, the software provider, bounds of half a minute. */
  public static ClientOptions defaults() {
    return new ClientOptions(
        DirectMode.PREFER,
        null,
        0,
        1 << 20,
        5_000,
        10_000,
        30_000,
        20_000,
        5_000,
        1_000,
        32,
        1 << 20,
        16 << 20,
        64,
        0,
        0,
        null,
        RecallBehaviour.answer(),
        null,
        null,
        new SystemWallClock(),
        RandomGenerator.of("L64X128MixRandom"));
  }

  private static void inRange(String name, long value, long min, long max) {
    if (value < min || value > max) {
      throw new IllegalArgumentException(name + " is " + value + ", must be " + min + " to " + max);
    }
  }

  /** Another default mode. */
  public ClientOptions withDirectMode(DirectMode directMode) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another provider; the client does not close it. */
  public ClientOptions withProvider(RdmaProvider provider) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another time to spin before blocking. */
  public ClientOptions withBusyPollNanos(long busyPollNanos) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another size of work requests. */
  public ClientOptions withChunkBytes(long chunkBytes) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another bound on one call. */
  public ClientOptions withCallTimeoutMillis(int callTimeoutMillis) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another bound on one operation. */
  public ClientOptions withOperationTimeoutMillis(int operationTimeoutMillis) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another bound on one work request. */
  public ClientOptions withIoTimeoutMillis(int ioTimeoutMillis) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another bound on draining. */
  public ClientOptions withDrainTimeoutMillis(int drainTimeoutMillis) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another pause after a refusal. */
  public ClientOptions withRetryLayoutMillis(int retryLayoutMillis) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another number of requests in flight. */
  public ClientOptions withSlots(int slots) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another size of NFS READ and WRITE. */
  public ClientOptions withTransferBytes(int transferBytes) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another bound on data kept for resending. */
  public ClientOptions withUnstableBytesMax(int unstableBytesMax) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another owner name. */
  public ClientOptions withOwner(String owner) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another behaviour under recall. */
  public ClientOptions withRecallBehaviour(RecallBehaviour recallBehaviour) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another clock. */
  public ClientOptions withClock(NanoClock clock) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Other timers. */
  public ClientOptions withTimers(Timers timers) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another source of chance. */
  public ClientOptions withRandom(RandomGenerator random) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }

  /** Another user, for AUTH_SYS. */
  public ClientOptions withUser(int uid, int gid) {
    return new ClientOptions(
        directMode,
        provider,
        busyPollNanos,
        chunkBytes,
        connectTimeoutMillis,
        callTimeoutMillis,
        operationTimeoutMillis,
        ioTimeoutMillis,
        drainTimeoutMillis,
        retryLayoutMillis,
        slots,
        transferBytes,
        unstableBytesMax,
        asyncInFlightMax,
        uid,
        gid,
        owner,
        recallBehaviour,
        clock,
        timers,
        wallClock,
        random);
  }
}
