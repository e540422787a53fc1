package io.selkie.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Maps a file, cuts it, and then touches what is gone in every way that the server touches a
 * mapping. Says "alive" and ends with 0 when each was an error in its place and nothing came later.
 */
final class BusErrorProcess {
  private static final long BYTES = 1 << 20;
  private static final long LEFT = 64 << 10;
  private static final long GONE = 512 << 10;
  private static final int[] LENGTHS = {1, 7, 8, 63, 64, 65, 4096, 32 << 10};
  private static final VarHandle WORD = JAVA_INT.varHandle();
  private static final int ROUNDS_GONE = 200;
  private static final int SIGBUS = 7;
  private static final int BUS_MCEERR_AO = 5;
  private static final long RT_TGSIGQUEUEINFO = 297;

  private final MemorySegment mapping;
  private final MemorySegment buffer = Arena.global().allocate(32 << 10, 64);
  private final CacheLines lines;

  private BusErrorProcess(MemorySegment mapping, CacheLines lines) {
    this.mapping = mapping;
    this.lines = lines;
  }

  /**
   * The process.
   *
   * @param arguments a file to be made and cut; how often each access is made before, which is what
   *     it takes to be compiled
   */
  public static void main(String[] arguments) throws Throwable {
    CacheLines lines = CacheLines.detect();
    require(lines.isGuarded(), "write-back is not guarded: " + lines.whyNot());
    int rounds = Integer.parseInt(arguments[1]);
    try (FileChannel file =
        FileChannel.open(
            Path.of(arguments[0]),
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE_NEW)) {
      var process =
          new BusErrorProcess(file.map(MapMode.READ_WRITE, 0, BYTES, Arena.global()), lines);
      for (int i = 0; i < rounds; i++) {
        process.all(0, true);
      }
      file.truncate(LEFT);
      for (int i = 0; i < ROUNDS_GONE; i++) {
        process.all(GONE, false);
        process.all(0, true);
      }
      process.writeBackOverTheEnd();
      process.adviceThatAPageWentBad();
    }
    System.out.println("alive");
  }

  /** Each access once; one that went on as if nothing had happened is found here. */
  private void all(long at, boolean there) {
    for (int length : LENGTHS) {
      require(copiesOut(at, length) == there, "copy out of " + length);
      require(copiesIn(at, length) == there, "copy into " + length);
      int expected = there ? 0 : Errno.EIO.result();
      require(
          lines.writeBack(mapping.address() + at + 3, length) == expected, "write-back " + length);
    }
    require(touches(at) == there, "single word");
  }

  private boolean copiesOut(long at, int length) {
    return MappedBytes.copy(mapping, at, buffer, 0, length);
  }

  private boolean copiesIn(long at, int length) {
    return MappedBytes.copy(buffer, 0, mapping, at, length);
  }

  private boolean touches(long at) {
    try {
      int _ = (int) WORD.getAndAdd(mapping, at, 0);
      MappedBytes.settle();
      return true;
    } catch (InternalError _) {
      return false;
    }
  }

  private void writeBackOverTheEnd() {
    long start = mapping.address();
    require(lines.writeBack(start, LEFT) == 0, "write-back of what is left");
    require(lines.writeBack(start + LEFT - 64, 64) == 0, "write-back of the last line");
    require(
        lines.writeBack(start + LEFT - 64, 65) == Errno.EIO.result(),
        "write-back of one octet behind the end");
    require(lines.writeBack(start, BYTES) == Errno.EIO.result(), "write-back of all of it");
  }

  /** As the kernel sends it to a thread that touches nothing; here from the thread to itself. */
  @SuppressWarnings("restricted")
  private void adviceThatAPageWentBad() throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle syscall =
        linker.downcallHandle(
            linker.defaultLookup().find("syscall").orElseThrow(),
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS),
            Linker.Option.firstVariadicArg(1));
    MemorySegment info = buffer.asSlice(0, 128).fill((byte) 0);
    info.set(JAVA_INT, 0, SIGBUS);
    info.set(JAVA_INT, 8, BUS_MCEERR_AO);
    info.set(ValueLayout.JAVA_LONG, 16, mapping.address() + GONE);
    long process = ProcessHandle.current().pid();
    long thread = new LinuxKernel().gettid();
    for (int i = 0; i < 100; i++) {
      long result =
          (long) syscall.invokeExact(RT_TGSIGQUEUEINFO, process, thread, (long) SIGBUS, info);
      require(result == 0, "the signal cannot be sent");
    }
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
