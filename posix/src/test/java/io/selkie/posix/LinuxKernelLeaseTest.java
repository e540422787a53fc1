package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: leases break when another process comes, and the break reaches the thread it was promised
 * to.
 *
 * <p>Method: real processes of the system's own tools against the real kernel.
 */
@Timeout(120)
class LinuxKernelLeaseTest {
  private static final long WAIT_SECONDS = 40;

  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final Kernel kernel = new LinuxKernel();
  private Path file;
  private int fd;

  @BeforeEach
  void openFile() throws IOException {
    file = Files.write(directory.resolve("f"), Names.bytes("content"));
    fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(file.toString()),
            OpenFlags.RDWR | OpenFlags.CLOEXEC,
            0,
            0);
    assertThat(fd).isNotNegative();
  }

  @AfterEach
  void closeFile() {
    assertThat(kernel.close(fd)).isZero();
  }

  @Test
  void breakSignalsTheOwningThreadWithTheDescriptor() throws Exception {
    int signal = kernel.firstRealTimeSignal();
    var tid = new CompletableFuture<Integer>();
    var caught = new CompletableFuture<SignalInfo>();
    Thread watcher =
        Thread.ofPlatform()
            .start(() -> {
              kernel.blockSignals(signal);
              tid.complete(kernel.gettid());
              var info = new SignalInfo();
              kernel.waitForSignal(info, signal);
              caught.complete(info);
            });
    assertThat(kernel.setLeaseSignal(fd, signal)).isZero();
    assertThat(kernel.setLeaseOwnerThread(fd, tid.get(WAIT_SECONDS, TimeUnit.SECONDS))).isZero();
    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();
    assertThat(LeaseType.of(kernel.getLease(fd))).isEqualTo(LeaseType.WRITE);

    Process breaker = start("dd", "if=/dev/null", "of=" + file, "bs=1", "seek=3", "status=none");
    SignalInfo info = caught.get(WAIT_SECONDS, TimeUnit.SECONDS);

    assertThat(info.signal()).isEqualTo(signal);
    assertThat(info.fd()).isEqualTo(fd);
    assertThat(LeaseType.of(kernel.getLease(fd))).isEqualTo(LeaseType.NONE);
    assertThat(breaker.isAlive()).isTrue();
    assertThat(Files.size(file)).isEqualTo(7);
    assertThat(kernel.setLease(fd, LeaseType.NONE)).isZero();
    assertThat(breaker.waitFor(WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(breaker.exitValue()).isZero();
    assertThat(Files.size(file)).isEqualTo(3);
    watcher.join();
  }

  @Test
  void exclusiveLeaseHoldsUpAReader() throws Exception {
    assertThat(kernel.setLeaseSignal(fd, 0)).isZero();
    // Without a signal of ours the kernel would send SIGIO to the process; nobody owns this lease.
    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();
    int signal = kernel.firstRealTimeSignal();
    var tid = new CompletableFuture<Integer>();
    var caught = new CompletableFuture<Integer>();
    Thread.ofPlatform()
        .start(() -> {
          kernel.blockSignals(signal);
          tid.complete(kernel.gettid());
          caught.complete(kernel.waitForSignal(new SignalInfo(), signal));
        });
    assertThat(kernel.setLeaseSignal(fd, signal)).isZero();
    assertThat(kernel.setLeaseOwnerThread(fd, tid.get(WAIT_SECONDS, TimeUnit.SECONDS))).isZero();

    Process reader = start("cat", file.toString());
    assertThat(caught.get(WAIT_SECONDS, TimeUnit.SECONDS)).isEqualTo(signal);
    assertThat(LeaseType.of(kernel.getLease(fd))).isEqualTo(LeaseType.READ);
    assertThat(reader.isAlive()).isTrue();
    kernel.setLease(fd, LeaseType.NONE);

    assertThat(reader.getInputStream().readAllBytes()).asString().isEqualTo("content");
    assertThat(reader.waitFor()).isZero();
  }

  @Test
  void leaseIsRefusedWhileAnotherDescriptionIsOpen() {
    int second =
        kernel.openat2(Kernel.AT_FDCWD, Names.bytes(file.toString()), OpenFlags.RDONLY, 0, 0);

    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isEqualTo(Errno.EAGAIN.result());
    kernel.close(second);
    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();
    assertThat(kernel.setLease(fd, LeaseType.NONE)).isZero();
  }

  @Test
  void pathDescriptorsAndAttributesDoNotBreakIt() {
    int signal = kernel.firstRealTimeSignal();
    assertThat(kernel.setLeaseSignal(fd, signal)).isZero();
    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();
    byte[] path = Names.bytes(file.toString());

    int named = kernel.openat2(Kernel.AT_FDCWD, path, OpenFlags.PATH, 0, 0);
    assertThat(named).isNotNegative();
    assertThat(kernel.fchmod(named, 0600)).isZero();
    assertThat(kernel.utimens(named, 1, 2, 3, 4)).isZero();
    assertThat(
            kernel.statx(
                named, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, new FileStatus()))
        .isZero();
    assertThat(kernel.faccess(named, AccessModes.READ)).isZero();
    assertThat(kernel.nameToHandle(named, new FileHandleBytes())).isZero();
    kernel.close(named);

    assertThat(LeaseType.of(kernel.getLease(fd))).isEqualTo(LeaseType.WRITE);
    assertThat(kernel.setLease(fd, LeaseType.NONE)).isZero();
  }

  @Test
  void waitingThreadCanBeWokenFromWithin() throws Exception {
    int signal = kernel.firstRealTimeSignal() + 1;
    var tid = new CompletableFuture<Integer>();
    var caught = new CompletableFuture<SignalInfo>();
    Thread.ofPlatform()
        .start(() -> {
          kernel.blockSignals(signal);
          tid.complete(kernel.gettid());
          var info = new SignalInfo();
          kernel.waitForSignal(info, signal);
          caught.complete(info);
        });

    assertThat(kernel.signalThread(tid.get(WAIT_SECONDS, TimeUnit.SECONDS), signal)).isZero();

    SignalInfo info = caught.get(WAIT_SECONDS, TimeUnit.SECONDS);
    assertThat(info.signal()).isEqualTo(signal);
    assertThat(info.fd()).isEqualTo(-1);
    assertThat(kernel.signalThread(Integer.MAX_VALUE, signal)).isEqualTo(Errno.ESRCH.result());
  }

  @Test
  void breakerThatWillNotWaitIsTurnedAwayAndTheBreakBegins() throws Exception {
    int signal = kernel.firstRealTimeSignal();
    var tid = new CompletableFuture<Integer>();
    var caught = new CompletableFuture<Integer>();
    Thread.ofPlatform()
        .start(() -> {
          kernel.blockSignals(signal);
          tid.complete(kernel.gettid());
          caught.complete(kernel.waitForSignal(new SignalInfo(), signal));
        });
    assertThat(kernel.setLeaseSignal(fd, signal)).isZero();
    assertThat(kernel.setLeaseOwnerThread(fd, tid.get(WAIT_SECONDS, TimeUnit.SECONDS))).isZero();
    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();

    // The tool of this name opens with O_NONBLOCK.
    Process breaker =
        new ProcessBuilder("truncate", "-s", "3", file.toString())
            .redirectErrorStream(true)
            .start();

    assertThat(breaker.waitFor(WAIT_SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(breaker.exitValue()).isNotZero();
    assertThat(caught.get(WAIT_SECONDS, TimeUnit.SECONDS)).isEqualTo(signal);
    assertThat(Files.size(file)).isEqualTo(7);
    assertThat(kernel.setLease(fd, LeaseType.NONE)).isZero();
  }

  private static Process start(String... command) throws IOException {
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }
}
