package io.selkie.rdma.verbs;

/**
 * What DiSNI lacks, in {@code own.c}. Objects are addresses of the libraries' structures; whoever
 * calls sees to it that they still exist. All calls may be made from any thread.
 */
final class NativeVerbs {

  /** Offsets in what {@link #lastEvent} fills; the layout stands in {@code selkie_verbs.h}. */
  static final class Event {
    static final int STATUS = 4;
    static final int RESPONDER_RESOURCES = 8;
    static final int INITIATOR_DEPTH = 12;
    static final int LENGTH = 16;
    static final int PRIVATE_DATA = 20;
    static final int BYTES = 20 + 512;

    private Event() {}
  }

  /** Bits of {@code enum ibv_access_flags}. */
  static final int ACCESS_LOCAL_WRITE = 1;

  static final int ACCESS_REMOTE_WRITE = 2;
  static final int ACCESS_REMOTE_READ = 4;
  static final int ACCESS_ON_DEMAND = 1 << 6;
  static final int ACCESS_FLUSH_GLOBAL = 1 << 8;
  static final int ACCESS_FLUSH_PERSISTENT = 1 << 9;

  /** What on-demand regions need of a device (enum ibv_odp_transport_cap_bits). */
  static final int ON_DEMAND_WRITE = 1 << 2;

  static final int ON_DEMAND_READ = 1 << 3;

  /** The vendor that software iWARP says it is of. */
  static final int VENDOR_SIW = 0x626d74;

  /** A queue pair in this state (enum ibv_qp_state) takes no part in anything any more. */
  static final int STATE_ERROR = 6;

  /** 64-bit numbers that {@link #queryDevice} fills in. */
  static final int DEVICE_NUMBERS = 13;

  private NativeVerbs() {}

  static native int eventChannelFd(long channel);

  static native int completionChannelFd(long channel);

  /**
   * Waits until one of several descriptors is readable.
   *
   * @param descriptors address of an array of {@code struct pollfd}
   * @param nanos bound; negative waits for ever
   * @return how many are; 0 when the time was over or a signal came
   */
  static native int waitReadable(long descriptors, int count, long nanos) throws VerbsException;

  static native int newWaker() throws VerbsException;

  static native void wake(int waker) throws VerbsException;

  static native void calm(int waker) throws VerbsException;

  static native void closeWaker(int waker);

  /** The completion queue that has an event, or 0. */
  static native long nextCompletionEvent(long channel) throws VerbsException;

  /** What DiSNI does not tell of the event that the calling thread took last. */
  static native void lastEvent(long to);

  static native void connect(
      long id, int initiatorDepth, int responderResources, long privateData, int length)
      throws VerbsException;

  static native void accept(
      long id, int initiatorDepth, int responderResources, long privateData, int length)
      throws VerbsException;

  static native void reject(long id, long privateData, int length) throws VerbsException;

  static native void toError(long queuePair) throws VerbsException;

  static native int stateOf(long queuePair) throws VerbsException;

  /**
   * @param byDevice whether the device at the other end is to take the key back, else it goes as
   *     immediate data
   */
  static native void postSendWithKey(
      long queuePair, long work, long address, int length, int localKey, int key, boolean byDevice)
      throws VerbsException;

  /** Whether a queue pair takes {@link #postFlush}. */
  static native boolean canFlush(long pair);

  /** Ends when what was written before is durable at the peer, or visible there to all. */
  static native void postFlush(
      long queuePair, long work, int key, long address, long length, boolean persistent)
      throws VerbsException;

  static native long registerMemory(long domain, long address, long length, int access)
      throws VerbsException;

  static native int localKey(long region);

  static native int remoteKey(long region);

  static native void deregister(long region) throws VerbsException;

  /** Whether this kernel has what {@link #awaitReceivers} wants. */
  static native boolean canAwaitReceivers();

  /**
   * Waits until the kernel is done with every packet that it had begun to take before this call,
   * whatever connection it is of; some milliseconds, more on a machine that is busy. Holds nobody
   * up.
   */
  static native void awaitReceivers() throws VerbsException;

  static native String deviceName(long context);

  static native void queryDevice(long context, long to) throws VerbsException;
}
