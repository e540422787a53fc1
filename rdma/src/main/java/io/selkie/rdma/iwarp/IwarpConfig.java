package io.selkie.rdma.iwarp;

/**
 * How the {@code iwarp} provider behaves.
 *
 * @param crc whether we ask for CRC32C on every FPDU; it is used when either side asks (RFC 5044
 *     section 7.1.1)
 * @param mpaRevision what we ask for as the initiator: 2 negotiates the read depths and who sends
 *     first (RFC 6581), 1 is the plain exchange of RFC 5044 for peers that know nothing else. As
 *     the responder we take both
 * @param eventLoopThreads threads of the passive side; 0 means one for each processor
 * @param busyPollMicros how long an event loop of the passive side spins for more work before it
 *     sleeps; 0 sleeps at once
 * @param nativeTransport whether to use epoll; without it, or where it cannot be loaded, the
 *     passive side runs on NIO and says so in the log
 * @param socketBufferBytes SO_SNDBUF and SO_RCVBUF; 0 leaves the kernel's own tuning on
 * @param limits every bound
 */
public record IwarpConfig(
    boolean crc,
    int mpaRevision,
    int eventLoopThreads,
    int busyPollMicros,
    boolean nativeTransport,
    int socketBufferBytes,
    IwarpLimits limits) {

  /** What the provider uses unless told otherwise. */
  public static final IwarpConfig DEFAULTS =
      new IwarpConfig(true, 2, 0, 0, true, 0, IwarpLimits.DEFAULTS);

  /** Checks the values. */
  public IwarpConfig {
    if (mpaRevision != 1 && mpaRevision != 2) {
      throw new IllegalArgumentException("MPA revision is " + mpaRevision + "; it must be 1 or 2");
    }
    if (eventLoopThreads < 0 || eventLoopThreads > 1024) {
      throw new IllegalArgumentException(
          "eventLoopThreads is " + eventLoopThreads + "; it must be between 0 and 1024");
    }
    if (busyPollMicros < 0 || busyPollMicros > 1_000_000) {
      throw new IllegalArgumentException(
          "busyPollMicros is " + busyPollMicros + "; it must be between 0 and 1,000,000");
    }
    if (socketBufferBytes < 0) {
      throw new IllegalArgumentException("socketBufferBytes is negative: " + socketBufferBytes);
    }
  }

  /** The same with other limits. */
  public IwarpConfig withLimits(IwarpLimits other) {
    return new IwarpConfig(
        crc,
        mpaRevision,
        eventLoopThreads,
        busyPollMicros,
        nativeTransport,
        socketBufferBytes,
        other);
  }

  /** The same with CRC32C asked for or not. */
  public IwarpConfig withCrc(boolean wanted) {
    return new IwarpConfig(
        wanted,
        mpaRevision,
        eventLoopThreads,
        busyPollMicros,
        nativeTransport,
        socketBufferBytes,
        limits);
  }

  /** The same with another revision of the MPA exchange. */
  public IwarpConfig withMpaRevision(int revision) {
    return new IwarpConfig(
        crc,
        revision,
        eventLoopThreads,
        busyPollMicros,
        nativeTransport,
        socketBufferBytes,
        limits);
  }

  /** The same with other threads and spinning on the passive side. */
  public IwarpConfig withEventLoops(int threads, int spinMicros) {
    return new IwarpConfig(
        crc, mpaRevision, threads, spinMicros, nativeTransport, socketBufferBytes, limits);
  }

  /** The same on NIO or on epoll. */
  public IwarpConfig withNativeTransport(boolean wanted) {
    return new IwarpConfig(
        crc, mpaRevision, eventLoopThreads, busyPollMicros, wanted, socketBufferBytes, limits);
  }
}
