package io.selkie.lease.doctor;

import io.selkie.lease.FileProbes;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.MapFlags;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.random.RandomGenerator;

/**
 * A file without a name, full of random octets and mapped as a sealed file would be, for whoever
 * wants to try something on such memory. Gone when it is closed. Used by one thread.
 */
public final class ScratchMapping implements AutoCloseable {

  private final Kernel kernel;
  private final Trial trial;
  private final boolean dax;
  private final long bytes;
  private final long writable;
  private final long readOnly;

  private ScratchMapping(
      Kernel kernel, Trial trial, boolean dax, long bytes, long writable, long readOnly) {
    this.kernel = kernel;
    this.trial = trial;
    this.dax = dax;
    this.bytes = bytes;
    this.writable = writable;
    this.readOnly = readOnly;
  }

  /**
   * Makes one. Blocks for a few local system calls.
   *
   * @param directory where new files are as those are that will be served
   * @param bytes a multiple of the page size
   * @throws IOException when none can be made or mapped there; the message says why
   */
  public static ScratchMapping in(Kernel kernel, Path directory, long bytes, RandomGenerator random)
      throws IOException {
    Trial trial =
        switch (Trial.in(kernel, new FileProbes(kernel), directory.toString(), random)) {
          case Trial.Start.Ready(Trial made) -> made;
          case Trial.Start.Failed(int error) ->
              throw new IOException(
                  "no file to try on can be made in " + directory + ": " + Errno.describe(error));
        };
    boolean done = false;
    try {
      fill(kernel, trial.fd(), bytes, random);
      boolean dax = trial.dax().isYes();
      int both = MapFlags.PROT_READ | MapFlags.PROT_WRITE;
      long writable = map(kernel, trial.fd(), bytes, both, dax);
      long readOnly;
      try {
        readOnly = map(kernel, trial.fd(), bytes, MapFlags.PROT_READ, dax);
      } catch (IOException e) {
        kernel.munmap(writable, bytes);
        throw e;
      }
      done = true;
      return new ScratchMapping(kernel, trial, dax, bytes, writable, readOnly);
    } finally {
      if (!done) {
        trial.close();
      }
    }
  }

  private static void fill(Kernel kernel, int fd, long bytes, RandomGenerator random)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment content = arena.allocate(bytes, Long.BYTES);
      for (long i = 0; i < bytes; i += Long.BYTES) {
        content.set(ValueLayout.JAVA_LONG, i, random.nextLong());
      }
      long at = 0;
      while (at < bytes) {
        long written = kernel.pwrite(fd, content.asSlice(at), at);
        if (written <= 0) {
          throw new IOException("writing a file to try on: " + Errno.describe(written));
        }
        at += written;
      }
    }
  }

  private static long map(Kernel kernel, int fd, long bytes, int protection, boolean dax)
      throws IOException {
    int shared = dax ? MapFlags.SHARED_VALIDATE | MapFlags.SYNC : MapFlags.SHARED;
    long address = kernel.mmap(fd, 0, bytes, protection, shared);
    if (dax && Errno.EOPNOTSUPP.is(address)) {
      address = kernel.mmap(fd, 0, bytes, protection, MapFlags.SHARED);
    }
    if (address < 0) {
      throw new IOException("mapping a file to try on: " + Errno.describe(address));
    }
    return address;
  }

  /** Whether the mapping is the storage. */
  public boolean dax() {
    return dax;
  }

  /** The file, to read and to write. */
  public MemorySegment writable() {
    return segment(writable);
  }

  /** The same octets in a mapping without the right to write. */
  public MemorySegment readOnly() {
    return segment(readOnly).asReadOnly();
  }

  @SuppressWarnings("restricted")
  private MemorySegment segment(long address) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  /** Unmaps it: nobody may use a segment any more. */
  @Override
  public void close() {
    kernel.munmap(writable, bytes);
    kernel.munmap(readOnly, bytes);
    trial.close();
  }
}
