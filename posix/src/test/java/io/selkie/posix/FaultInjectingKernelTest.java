package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.FaultInjectingKernel.When;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: every call that can fail can be made to fail, by its number. */
class FaultInjectingKernelTest {
  private static final Set<String> INFALLIBLE =
      Set.of("gettid", "firstRealTimeSignal", "effectiveUid", "effectiveGid", "umask");

  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel(), 100);

  @Test
  void everyCallOfTheInterfaceHasAFaultPoint() {
    Set<String> methods =
        Arrays.stream(Kernel.class.getMethods())
            .map(Method::getName)
            .filter(name -> !INFALLIBLE.contains(name))
            .map(name -> name.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toUpperCase(Locale.ROOT))
            .collect(Collectors.toSet());

    assertThat(KernelCall.values())
        .extracting(Enum::name)
        .containsExactlyInAnyOrderElementsOf(methods);
  }

  @Test
  void aScenarioFailsAtEachOfItsCallsInTurn() {
    assertThat(scenario()).isZero();
    long calls = kernel.calls();
    assertThat(calls).isEqualTo(4);

    for (long n = 1; n <= calls; n++) {
      kernel.heal();
      kernel.failNth(n, Errno.EIO, When.INSTEAD);
      assertThat(scenario()).as("with call %d failing", n).isEqualTo(Errno.EIO.result());
    }
    kernel.heal();
    assertThat(scenario()).isZero();
    assertThat(kernel.injected()).isEqualTo(calls);
  }

  @Test
  void kindsAreCountedByThemselves() {
    kernel.failNth(KernelCall.PWRITE, 2, Errno.ENOSPC, When.INSTEAD);

    assertThat(scenario()).isZero();
    assertThat(scenario()).isEqualTo(Errno.ENOSPC.result());
    assertThat(scenario()).isZero();
    assertThat(kernel.calls(KernelCall.PWRITE)).isEqualTo(3);
  }

  @Test
  void aCallCanTakeEffectAndStillFail() throws Exception {
    kernel.failNth(KernelCall.PWRITE, 1, Errno.EIO, When.AFTERWARDS);

    assertThat(scenario()).isEqualTo(Errno.EIO.result());

    assertThat(Files.size(directory.resolve("f"))).isEqualTo(8);
  }

  @Test
  void failedOpensLeakNoDescriptor() {
    kernel.failAll(KernelCall.PREAD, Errno.EIO);
    scenario();
    kernel.heal();
    int lowest = open();
    kernel.close(lowest);

    kernel.failNth(KernelCall.OPENAT2, 1, Errno.EMFILE, When.AFTERWARDS);
    assertThat(open()).isEqualTo(Errno.EMFILE.result());
    kernel.failNth(KernelCall.CLOSE, 1, Errno.EIO, When.INSTEAD);
    int fd = open();
    assertThat(fd).isEqualTo(lowest);
    assertThat(kernel.close(fd)).isEqualTo(Errno.EIO.result());
    assertThat(open()).isEqualTo(lowest);
    kernel.close(lowest);
  }

  @Test
  void logTellsWhatWasCalledOnWhat() {
    kernel.failNth(KernelCall.FSYNC, 1, Errno.EIO, When.INSTEAD);
    assertThat(kernel.fsync(-1)).isEqualTo(Errno.EIO.result());
    int fd = open();
    kernel.close(fd);

    assertThat(kernel.log()).hasSize(3);
    assertThat(kernel.log().getFirst())
        .isEqualTo(new FaultInjectingKernel.Entry(1, 1, KernelCall.FSYNC, "fd -1", -5, true));
    assertThat(kernel.log().get(1).subject()).contains(directory.toString());
    assertThat(kernel.log().get(1).result()).isEqualTo(fd);
    assertThat(kernel.log().get(1).injected()).isFalse();
  }

  /** Open, write, sync, close; the first error. */
  private long scenario() {
    int fd = open();
    if (fd < 0) {
      return fd;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(8);
      long written = kernel.pwrite(fd, memory, 0);
      long synced = written < 0 ? written : kernel.fdatasync(fd);
      long closed = kernel.close(fd);
      return synced < 0 ? synced : closed;
    }
  }

  private int open() {
    return kernel.openat2(
        Kernel.AT_FDCWD,
        Names.bytes(directory.resolve("f").toString()),
        OpenFlags.RDWR | OpenFlags.CREAT,
        0600,
        0);
  }
}
