package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.impl.NatIbvContext;
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
    long maxMessageBytes) {

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
          found[8]);
    }
  }

  private static int clamp(long number) {
    return Math.clamp(number, 1, Integer.MAX_VALUE);
  }

  static long handleOf(IbvContext context) {
    return ((NatIbvContext) context).getObjId();
  }

  /** Whether a connection came to be on this device. */
  boolean is(IbvContext other) {
    return other != null && handleOf(other) == handleOf(context);
  }
}
