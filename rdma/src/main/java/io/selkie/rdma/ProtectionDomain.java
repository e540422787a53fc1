package io.selkie.rdma;

import java.lang.foreign.MemorySegment;
import java.util.Set;

/** Keeps the memory of one peer apart from that of all others. Threads may share it. */
public interface ProtectionDomain extends AutoCloseable {

  /**
   * Registers memory for local use, remote use or both. The key works when this returns.
   *
   * @param memory native memory that stays mapped until {@link MemoryRegion#invalidate} has
   *     completed; at most {@link RdmaCapabilities#maxRegionBytes()} bytes
   * @param access what a peer may do; empty for memory that only local work requests name
   * @throws RdmaException when the device refuses; the reason says what to do
   */
  MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access) throws RdmaException;

  /**
   * The same in a given manner. Whether the manner is right for this memory is not known before a
   * {@link RegistrationProbe} has tried it: devices have been seen that register, place accesses
   * elsewhere, and report success.
   *
   * @throws RdmaException with {@link RdmaException.Reason#REGISTRATION} when the provider or its
   *     device does not do it
   */
  default MemoryRegion register(MemorySegment memory, Set<RemoteAccess> access, Registration how)
      throws RdmaException {
    if (how != Registration.PLAIN) {
      throw new RdmaException(
          RdmaException.Reason.REGISTRATION,
          "this provider does not register memory " + how.label(),
          null);
    }
    return register(memory, access);
  }

  /** Regions not yet invalidated; an assertion of invariant S1 reads it. */
  int liveRegions();

  /** Breaks every queue pair of this domain, then invalidates every region. Idempotent. */
  @Override
  void close();
}
