package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FaultInjectingKernel.When;
import io.selkie.posix.Kernel;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.CallbackInbox.Ended;
import io.selkie.server.ops.Calls42.Copied;
import io.selkie.server.ops.Calls42.Progress;
import io.selkie.server.ops.Calls42.Range;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: a copy has the source's bytes, however it is made, and its end is always learnt of. */
@Timeout(120)
class CopyTest {

  private static final int PIECE = 1 << 20;
  private static final int SIZE = 8 * PIECE + 777;

  private final byte[] bytes = new byte[SIZE];
  private final AtomicReference<Errno> failure = new AtomicReference<>();
  private ServerFixture server;
  private FileCalls client;
  private Calls42 calls;
  private CallbackInbox inbox;
  private byte[] root;
  private Opened source;
  private Opened target;

  @BeforeEach
  void start() throws IOException {
    start(new LinuxKernel());
  }

  private void start(Kernel kernel) throws IOException {
    start(kernel, SessionConst4.CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
  }

  private void start(Kernel kernel, int sessionFlags) throws IOException {
    if (server != null) {
      server.close();
    }
    server = new ServerFixture(kernel, "");
    new Random(3).nextBytes(bytes);
    Files.write(path("source"), bytes);
    client = server.clientWith("alice", sessionFlags);
    calls = new Calls42(client);
    inbox = CallbackInbox.of(client);
    root = client.handleOf("data");
    source = client.open(root, "source", READ, DENY_NONE);
    target = client.create(root, "target");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private Path path(String name) {
    return server.export().resolve(name);
  }

  // ---------------------------------------------------------------- synchronous

  @Test
  void wholeFileIsCopied() throws IOException {
    Copied copied = calls.copy(source, target, Range.ALL, true, 0);
    assertThat(copied.status()).isEqualTo("NFS4_OK");
    assertThat(copied.stateid()).isNull();
    assertThat(copied.synchronous()).isTrue();
    assertThat(copied.count()).isEqualTo(SIZE);
    assertThat(Files.readAllBytes(path("target"))).isEqualTo(bytes);
    assertThat(server.server().metrics().values())
        .containsEntry("selkie_nfs_copy_bytes_total", (long) SIZE);
  }

  @Test
  void rangeIsCopiedWhereItWasWanted() throws IOException {
    Copied copied = calls.copy(source, target, new Range(1000, 5000, 100_000), false, 0);
    assertThat(copied.count()).isEqualTo(100_000);
    assertThat(copied.stateid()).as("small ones are done at once").isNull();
    byte[] got = Files.readAllBytes(path("target"));
    assertThat(got).hasSize(105_000);
    assertThat(Arrays.copyOf(got, 5000)).containsOnly(0);
    assertThat(Arrays.copyOfRange(got, 5000, 105_000))
        .isEqualTo(Arrays.copyOfRange(bytes, 1000, 101_000));
    assertThat(calls.copy(source, target, new Range(SIZE, 0, 0), true, 0).count()).isZero();
  }

  @Test
  void verifierIsThatOfWrites() {
    Copied copied = calls.copy(source, target, Range.ALL, true, 0);
    long written = client.write(target.handle(), target.stateid(), 0, 0, new byte[1]).verifier();
    assertThat(copied.verifier()).isEqualTo(written);
  }

  @Test
  void copiesThatCannotBeAreRefused() throws IOException {
    assertThat(calls.copy(source, target, new Range(SIZE + 1, 0, 0), true, 0).status())
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.copy(source, target, new Range(1, 0, SIZE), true, 0).status())
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.copy(source, target, new Range(0, Long.MAX_VALUE, 0), true, 0).status())
        .isEqualTo("NFS4ERR_FBIG");
    assertThat(calls.copy(source, source, Range.ALL, true, 0).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.copy(source, target, Range.ALL, true, 2).status())
        .isEqualTo("NFS4ERR_OFFLOAD_DENIED");
    Opened swapped = new Opened("", Stateids.CURRENT, source.handle(), null, 0);
    assertThat(calls.copy(swapped, target, Range.ALL, true, 0).status())
        .isEqualTo("NFS4ERR_BAD_STATEID");
    Opened directory = new Opened("", Stateids.ANONYMOUS, root, null, 0);
    assertThat(calls.copy(directory, target, Range.ALL, true, 0).status())
        .isEqualTo("NFS4ERR_WRONG_TYPE");
    assertThat(calls.copy(source, directory, Range.ALL, true, 0).status())
        .isEqualTo("NFS4ERR_WRONG_TYPE");
    FileCalls bob = server.client("bob");
    Opened bobs = bob.open(root, "source", READ, DENY_NONE);
    Opened readOnly = bob.open(root, "target", READ, DENY_NONE);
    assertThat(new Calls42(bob).copy(bobs, readOnly, Range.ALL, true, 0).status())
        .isEqualTo("NFS4ERR_OPENMODE");
    assertThat(Files.size(path("target"))).isZero();
    assertThat(
            calls
                .on(
                    source.handle(),
                    NfsOp4.OP_COPY_NOTIFY,
                    o -> {
                      Stateids.encode(o, source.stateid());
                      o.int32(1);
                      o.opaque(new byte[] {'b'});
                    })
                .status())
        .isEqualTo("NFS4ERR_NOTSUPP");
  }

  @Test
  void whereTheKernelDoesNotCopyItIsDoneByHand() throws IOException {
    for (Errno errno : new Errno[] {Errno.EXDEV, Errno.EOPNOTSUPP}) {
      FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());
      start(kernel);
      kernel.failAll(KernelCall.COPY_FILE_RANGE, errno);
      Copied copied = calls.copy(source, target, Range.ALL, true, 0);
      assertThat(copied.count()).isEqualTo(SIZE);
      assertThat(Files.readAllBytes(path("target"))).isEqualTo(bytes);
    }
  }

  @Test
  void errorIsToldOnlyWhenNothingWasCopied() throws IOException {
    FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());
    start(kernel);
    kernel.failNth(KernelCall.COPY_FILE_RANGE, 2, Errno.ENOSPC, When.INSTEAD);
    Copied copied = calls.copy(source, target, Range.ALL, true, 0);
    assertThat(copied.status()).isEqualTo("NFS4_OK");
    assertThat(copied.count()).isEqualTo(4 * PIECE);
    kernel.failAll(KernelCall.COPY_FILE_RANGE, Errno.ENOSPC);
    assertThat(calls.copy(source, target, Range.ALL, true, 0).status()).isEqualTo("NFS4ERR_NOSPC");
  }

  // ---------------------------------------------------------------- asynchronous

  private Copied begin(Semaphore permits) throws IOException {
    start(PlayedKernel.withSlowCopies(permits, PIECE, failure));
    Copied copied = calls.copy(source, target, Range.ALL, false, 0);
    assertThat(copied.status()).isEqualTo("NFS4_OK");
    assertThat(copied.synchronous()).isFalse();
    assertThat(copied.stateid()).isNotNull();
    return copied;
  }

  @Test
  void longCopyGoesOnAndItsEndIsTold() throws Exception {
    Semaphore permits = new Semaphore(0);
    Copied copied = begin(permits);
    Progress running = calls.offloadStatus(target.handle(), copied.stateid());
    assertThat(running).isEqualTo(new Progress("NFS4_OK", PIECE, ""));
    assertThat(server.server().metrics().values()).containsEntry("selkie_copies", 1L);
    assertThat(inbox.endedCount()).isZero();

    permits.release(100);
    Ended ended = inbox.nextEnded();
    assertThat(ended.status()).isEqualTo("NFS4_OK");
    assertThat(ended.bytes()).isEqualTo(SIZE);
    assertThat(ended.stateid()).isEqualTo(copied.stateid());
    assertThat(ended.handle()).isEqualTo(target.handle());
    assertThat(ended.verifier()).isEqualTo(copied.verifier());
    assertThat(Files.readAllBytes(path("target"))).isEqualTo(bytes);
    assertThat(server.server().metrics().values()).containsEntry("selkie_copies", 0L);
  }

  @Test
  void copyThatMustBeSynchronousAnswersWithWhatItHas() throws IOException {
    Semaphore permits = new Semaphore(2);
    start(PlayedKernel.withSlowCopies(permits, 3 * PIECE, failure));
    Copied copied = calls.copy(source, target, Range.ALL, true, 0);
    assertThat(copied.synchronous()).isTrue();
    assertThat(copied.stateid()).isNull();
    assertThat(copied.count()).isEqualTo(SIZE);
  }

  @Test
  void failureIsToldWithTheBytesThatWereCopied() throws Exception {
    Semaphore permits = new Semaphore(0);
    Copied copied = begin(permits);
    failure.set(Errno.ENOSPC);
    permits.release(100);
    Ended ended = inbox.nextEnded();
    assertThat(ended.stateid()).isEqualTo(copied.stateid());
    assertThat(ended.status()).isEqualTo("NFS4ERR_NOSPC");
    assertThat(ended.bytes()).isEqualTo(PIECE);
  }

  @Test
  void sourceThatGetsShorterIsNoFailure() throws Exception {
    Semaphore permits = new Semaphore(0);
    begin(permits);
    Files.write(path("source"), new byte[0]);
    permits.release(100);
    Ended ended = inbox.nextEnded();
    assertThat(ended.status()).isEqualTo("NFS4_OK");
    // The piece that waited may have been in the middle of it.
    assertThat(ended.bytes()).isLessThan(SIZE);
  }

  @Test
  void cancelledCopyEndsAndTellsNothing() throws Exception {
    Semaphore permits = new Semaphore(0);
    Copied copied = begin(permits);
    FileCalls bob = server.client("bob");
    assertThat(new Calls42(bob).offloadCancel(target.handle(), copied.stateid()))
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(calls.offloadCancel(source.handle(), copied.stateid()))
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(calls.offloadCancel(target.handle(), copied.stateid())).isEqualTo("NFS4_OK");
    assertThat(calls.offloadStatus(target.handle(), copied.stateid()).status())
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(calls.offloadCancel(target.handle(), copied.stateid()))
        .isEqualTo("NFS4ERR_BAD_STATEID");
    permits.release(100);
    // The description goes when the piece that was being copied has ended.
    assertThat(client.close(source.handle(), source.stateid())).isEqualTo("NFS4_OK");
    assertThat(client.close(target.handle(), target.stateid())).isEqualTo("NFS4_OK");
    OpenDescriptions.await(server.server(), 0);
    assertThat(Files.size(path("target"))).isLessThanOrEqualTo(2 * PIECE);
    assertThat(inbox.endedCount()).isZero();
  }

  @Test
  void endThatCannotBeToldIsAnsweredWhenAskedForAndToldLater() throws Exception {
    Semaphore permits = new Semaphore(0);
    start(PlayedKernel.withSlowCopies(permits, PIECE, failure), 0);
    Copied copied = calls.copy(source, target, Range.ALL, false, 0);
    permits.release(100);
    Progress progress = calls.offloadStatus(target.handle(), copied.stateid());
    while (progress.result().isEmpty()) {
      progress = calls.offloadStatus(target.handle(), copied.stateid());
    }
    assertThat(progress).isEqualTo(new Progress("NFS4_OK", SIZE, "NFS4_OK"));
    assertThat(inbox.endedCount()).isZero();

    try (Nfs41TestClient second = Nfs41TestClient.connect(server.server().nfsAddress())) {
      CallbackInbox later = CallbackInbox.of(second);
      CompoundReply bound =
          second.call(
              Compound.of()
                  .op(
                      NfsOp4.OP_BIND_CONN_TO_SESSION,
                      o -> {
                        client.session().id().encode(o);
                        o.int32(SessionConst4.CDFC4_BACK);
                        o.bool(false);
                      }));
      assertThat(bound.next(NfsOp4.OP_BIND_CONN_TO_SESSION)).isEqualTo("NFS4_OK");
      assertThat(later.nextEnded().bytes()).isEqualTo(SIZE);
    }
  }

  @Test
  void clientThatGoesTakesItsCopiesAlong() throws Exception {
    Semaphore permits = new Semaphore(0);
    begin(permits);
    assertThat(server.server().sessions().revoke(client.session().clientId())).isTrue();
    permits.release(100);
    OpenDescriptions.await(server.server(), 0);
    assertThat(server.server().metrics().values()).containsEntry("selkie_copies", 0L);
    assertThat(Files.size(path("target"))).isLessThanOrEqualTo(2 * PIECE);
  }

  @Test
  void copyIsStateOfItsClient() throws Exception {
    Semaphore permits = new Semaphore(0);
    Copied copied = begin(permits);
    assertThat(testStateid(copied.stateid())).isEqualTo("NFS4_OK");
    assertThat(
            client
                .call(
                    c -> c.op(NfsOp4.OP_FREE_STATEID, o -> Stateids.encode(o, copied.stateid())),
                    NfsOp4.OP_FREE_STATEID)
                .status())
        .isEqualTo("NFS4ERR_LOCKS_HELD");
    permits.release(100);
    inbox.nextEnded();
  }

  private String testStateid(Stateid4 stateid) {
    CompoundReply reply =
        client
            .session()
            .call(c ->
                c.op(
                    NfsOp4.OP_TEST_STATEID,
                    o -> {
                      o.int32(1);
                      Stateids.encode(o, stateid);
                    }));
    reply.next(NfsOp4.OP_TEST_STATEID);
    reply.in().int32();
    return io.selkie.protocol.nfs4.NfsStat4.name(reply.in().int32());
  }
}
