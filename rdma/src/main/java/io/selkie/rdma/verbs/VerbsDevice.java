package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.impl.NatIbvContext;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * An RDMA device and what it says that it can do.
 *
 * @param context DiSNI's
 * @param name as the kernel has it, for example {@code rxe0}
 * @param iwarp whether it speaks iWARP; else RoCE or InfiniBand
 * @param maxRegionBytes longest registration
 * @param maxWorkRequests of a queue pair
 * @param maxCompletions of a completion queue
 * @param maxReadsAsResponder RDMA READs that a peer may have outstanding with us
 * @param maxReadsAsInitiator RDMA READs that we may have outstanding
 * @param maxMessageBytes of one work request
 * @param onDemand whether it registers memory on demand; that it then places accesses rightly is
 *     not said by that
 * @param flush whether it does RDMA FLUSH, on both sides
 * @param softIwarp whether it is the kernel's software iWARP, which falls short here and there;
 *     {@link VerbsProvider#shortcomings} says where
 */
record VerbsDevice(
    IbvContext context,
    String name,
    boolean iwarp,
    long maxRegionBytes,
    int maxWorkRequests,
    int maxCompletions,
    int maxReadsAsResponder,
    int maxReadsAsInitiator,
    long maxMessageBytes,
    boolean onDemand,
    boolean flush,
    boolean softIwarp) {

  private static final int ENOTCONN = 107;

  private static final int ON_DEMAND_BOTH =
      NativeVerbs.ON_DEMAND_READ | NativeVerbs.ON_DEMAND_WRITE;

  static VerbsDevice of(IbvContext context) throws VerbsException {
    long handle = handleOf(context);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocate(8L * NativeVerbs.DEVICE_NUMBERS, 8);
      NativeVerbs.queryDevice(handle, numbers.address());
      long[] found = numbers.toArray(ValueLayout.JAVA_LONG);
      return new VerbsDevice(
          context,
          NativeVerbs.deviceName(handle),
          found[0] == 1,
          // Unsigned; no memory is that long.
          found[1] < 0 ? Long.MAX_VALUE : found[1],
          clamp(found[3]),
          clamp(found[4]),
          clamp(found[5]),
          clamp(found[6]),
          found[8],
          (found[9] & ON_DEMAND_BOTH) == ON_DEMAND_BOTH,
          found[12] != 0,
          found[11] == NativeVerbs.VENDOR_SIW);
    }
  }

  private static int clamp(long number) {
    return Math.clamp(number, 1, Integer.MAX_VALUE);
  }

  static long handleOf(IbvContext context) {
    return ((NatIbvContext) context).getObjId();
  }

  /**
   * Whether a completion's status says that the connection ended, and nothing of its request.
   * Software iWARP calls it an operation's error when the socket is closed while it sends; what is
   * wrong with a request itself was found before that was posted.
   */
  boolean isFlush(int status) {
    return status == WorkCompletions.FLUSHED
        || (softIwarp
            && (status == WorkCompletions.GENERAL_ERROR
                || status == WorkCompletions.OPERATION_ERROR));
  }

  /**
   * Whether a refused post says that the connection has ended. Software iWARP says so while it ends
   * one, when the request is in its queue already: it is flushed with those before it.
   */
  boolean isEnd(IOException refusal) {
    return softIwarp && refusal instanceof VerbsException known && known.errno() == ENOTCONN;
  }

  /**
   * Whether deregistration may return while a piece of a write is still being copied to the region.
   * Software iWARP looks whether a key is dead before each piece, and nobody waits for the piece:
   * see {@link NativeVerbs#awaitReceivers}.
   */
  boolean writesOutlastKeys() {
    return softIwarp;
  }

  /** Whether a connection came to be on this device. */
  boolean is(IbvContext other) {
    return other != null && handleOf(other) == handleOf(context);
  }
}
