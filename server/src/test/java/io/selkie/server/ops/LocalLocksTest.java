package io.selkie.server.ops;

import static io.selkie.protocol.nfs4.LockConst4.READ_LT;
import static io.selkie.protocol.nfs4.LockConst4.WRITE_LT;
import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FaultInjectingKernel.When;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.LockProcess;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.Stateid4;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what clients lock is locked for processes on the server, and the other way round, at every
 * moment.
 *
 * <p>Method: a server on the real kernel, and another process that locks as any program does.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class LocalLocksTest {

  private static final long TO_END = -1L;

  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());
  private ServerFixture fixture;
  private FileCalls first;
  private FileCalls second;
  private byte[] directory;
  private LockProcess local;

  @BeforeEach
  void start() throws IOException {
    fixture = new ServerFixture(kernel, "");
    Path file = Files.write(fixture.export().resolve("f"), new byte[1000]);
    Files.setPosixFilePermissions(
        file, java.nio.file.attribute.PosixFilePermissions.fromString("rw-rw-rw-"));
    first = fixture.client("first");
    second = fixture.client("second");
    directory = first.handleOf("data");
    local = new LockProcess(file);
  }

  @AfterEach
  void stop() throws IOException {
    local.close();
    fixture.close();
  }

  private LockCalls open(FileCalls client, int access, Stateid4[] open) {
    FileCalls.Opened opened = client.open(directory, "f", access, DENY_NONE);
    assertThat(opened.status()).isEqualTo("NFS4_OK");
    open[0] = opened.stateid();
    return new LockCalls(client, opened.handle());
  }

  private static Stateid4 ok(LockCalls.Answer answer) {
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    return answer.stateid();
  }

  @Test
  void localProcessSeesALockAndIsFreeAgainAfterUnlock() throws IOException {
    Stateid4[] open = new Stateid4[1];
    LockCalls one = open(first, BOTH, open);

    Stateid4 locks = ok(one.lock(open[0], "a", WRITE_LT, 100, 100));
    assertThat(local.shared(0, 500)).isFalse();
    assertThat(local.exclusive(200, 10)).isTrue();

    ok(one.unlock(locks, 150, TO_END));
    assertThat(local.shared(149, 1)).isFalse();
    assertThat(local.exclusive(150, 50)).isTrue();
    assertThat(first.close(one.handle(), open[0])).isEqualTo("NFS4_OK");
    assertThat(local.exclusive(100, 50)).isTrue();
  }

  @Test
  void localLockDeniesWithAnUnknownOwner() throws IOException {
    Stateid4[] open = new Stateid4[1];
    LockCalls one = open(first, BOTH, open);
    assertThat(local.shared(300, 20)).isTrue();

    LockCalls.Answer denied = one.lock(open[0], "a", WRITE_LT, 0, TO_END);
    assertThat(denied.status()).isEqualTo("NFS4ERR_DENIED");
    assertThat(denied.denied().offset()).isEqualTo(300);
    assertThat(denied.denied().length()).isEqualTo(20);
    assertThat(denied.denied().type()).isEqualTo(READ_LT);
    assertThat(denied.denied().owner()).isEqualTo(LockOwner4.UNKNOWN);
    ok(one.lock(open[0], "a", READ_LT, 0, TO_END));
    assertThat(local.unlock(300, 20)).isTrue();
    assertThat(local.exclusive(300, 20)).isFalse();
  }

  @Test
  void testOfAFileThatNobodyHasOpenSeesLocalLocks() throws IOException {
    LockCalls one = new LockCalls(first, first.handleOf("data", "f"));
    assertThat(local.exclusive(5, 1)).isTrue();

    assertThat(one.test("a", READ_LT, 0, 5).status()).isEqualTo("NFS4_OK");
    assertThat(one.test("a", READ_LT, 0, 6).denied().owner()).isEqualTo(LockOwner4.UNKNOWN);
  }

  @Test
  void whatAnotherClientSharesStaysLockedWhenOneUnlocks() throws IOException {
    Stateid4[] firstOpen = new Stateid4[1];
    Stateid4[] secondOpen = new Stateid4[1];
    LockCalls one = open(first, BOTH, firstOpen);
    LockCalls two = open(second, BOTH, secondOpen);
    Stateid4 a = ok(one.lock(firstOpen[0], "a", READ_LT, 0, 100));
    Stateid4 b = ok(two.lock(secondOpen[0], "b", READ_LT, 50, 100));

    ok(one.unlock(a, 0, 100));
    assertThat(local.exclusive(0, 50)).isTrue();
    assertThat(local.exclusive(50, 1)).isFalse();
    assertThat(local.exclusive(149, 1)).isFalse();

    ok(two.unlock(b, 0, TO_END));
    assertThat(local.exclusive(50, 100)).isTrue();
  }

  @Test
  void descriptionOpenedAnewForWritingKeepsItsLocks() throws IOException {
    Stateid4[] readOnly = new Stateid4[1];
    LockCalls one = open(first, READ, readOnly);
    Stateid4 locks = ok(one.lock(readOnly[0], "a", READ_LT, 0, 100));
    ok(one.lock(locks, READ_LT, 200, TO_END));
    long swapsBefore = kernel.calls(KernelCall.DUP3);

    Stateid4[] writable = new Stateid4[1];
    LockCalls two = open(second, BOTH, writable);

    assertThat(kernel.calls(KernelCall.DUP3)).as("it was opened anew").isGreaterThan(swapsBefore);
    assertThat(local.exclusive(0, 1)).isFalse();
    assertThat(local.exclusive(99, 1)).isFalse();
    assertThat(local.exclusive(500, 1)).isFalse();
    assertThat(local.exclusive(100, 100)).isTrue();
    assertThat(local.unlock(100, 100)).isTrue();
    ok(one.unlock(locks.withSeqid(0), 0, TO_END));
    ok(two.lock(writable[0], "b", WRITE_LT, 0, TO_END));
  }

  @Test
  void descriptionWhoseLocksCannotBeCarriedOverIsNotReplaced() throws IOException {
    Stateid4[] readOnly = new Stateid4[1];
    LockCalls one = open(first, READ, readOnly);
    Stateid4 locks = ok(one.lock(readOnly[0], "a", READ_LT, 0, 100));
    kernel.failNth(KernelCall.SET_FILE_LOCK, 1, Errno.ENOLCK, When.INSTEAD);

    assertThat(second.open(directory, "f", BOTH, DENY_NONE).status()).isEqualTo("NFS4ERR_DELAY");

    assertThat(local.exclusive(0, 1)).isFalse();
    assertThat(one.unlock(locks, 0, TO_END).status()).isEqualTo("NFS4_OK");
    assertThat(second.open(directory, "f", BOTH, DENY_NONE).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void aLockThatTheKernelHasNoMemoryForIsNotGranted() throws IOException {
    Stateid4[] open = new Stateid4[1];
    LockCalls one = open(first, BOTH, open);
    kernel.failNth(KernelCall.SET_FILE_LOCK, 1, Errno.ENOLCK, When.INSTEAD);

    assertThat(one.lock(open[0], "a", WRITE_LT, 0, 10).status()).isEqualTo("NFS4ERR_DELAY");

    assertThat(local.exclusive(0, 10)).isTrue();
    assertThat(new LockCalls(second, one.handle()).test("b", WRITE_LT, 20, 5).status())
        .isEqualTo("NFS4_OK");
  }

  @Test
  void whatTheKernelWouldNotUnlockIsUnlockedWithTheNextChange() throws IOException {
    Stateid4[] open = new Stateid4[1];
    LockCalls one = open(first, BOTH, open);
    Stateid4 locks = ok(one.lock(open[0], "a", WRITE_LT, 0, 100));
    kernel.failNth(KernelCall.SET_FILE_LOCK, 1, Errno.ENOLCK, When.INSTEAD);

    locks = ok(one.unlock(locks, 40, 20));
    assertThat(local.exclusive(40, 20)).as("local processes wait").isFalse();

    ok(one.unlock(locks, 80, 20));
    assertThat(local.exclusive(40, 20)).isTrue();
    assertThat(local.exclusive(80, 20)).isTrue();
    assertThat(local.shared(0, 1)).isFalse();
  }

  @Test
  void clientThatIsGoneLeavesNoLockInTheKernel() throws IOException {
    Stateid4[] open = new Stateid4[1];
    LockCalls one = open(first, BOTH, open);
    ok(one.lock(open[0], "a", WRITE_LT, 0, 10));
    Stateid4[] other = new Stateid4[1];
    LockCalls two = open(second, BOTH, other);

    assertThat(fixture.server().sessions().revoke(first.session().clientId())).isTrue();

    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!local.exclusive(0, 10)) {
      assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
    }
    assertThat(two.test("b", READ_LT, 0, 10).denied().owner()).isEqualTo(LockOwner4.UNKNOWN);
  }
}
