package io.selkie.posix;

import java.lang.foreign.MemorySegment;

/** Memory by address: the one place where an address that the kernel gave becomes a segment. */
public final class NativeMemory {
  private NativeMemory() {}

  /**
   * What is mapped at an address. Nobody watches its life: after {@link Kernel#munmap} an access
   * ends the process, so the owner of the mapping lets go of the segment first.
   *
   * @param address as {@link Kernel#mmap} answered it
   * @param length bytes, as they were mapped
   */
  @SuppressWarnings("restricted")
  public static MemorySegment at(long address, long length) {
    if (address <= 0 || length < 0) {
      throw new IllegalArgumentException("memory at " + address + " of " + length + " bytes");
    }
    return MemorySegment.ofAddress(address).reinterpret(length);
  }
}
