package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutEvents.Step;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Goal: one client's behaviour, or one export's disk, never stops another's. Method: calls into one
 * export hang in the kernel, more of them than there once were workers; a client asks for all there
 * is; one holds a recall open; and meanwhile others measure how long theirs take.
 */
@Timeout(120)
class IsolationTest extends IsolationFixture {

  private static final Logger LOG = LoggerFactory.getLogger(IsolationTest.class);
  private static final int HANGING = 10;
  private static final int ROUNDS = 50;

  /**
   * What is stuck is so until the end of the test; this is far from that, and from any slowness.
   */
  private static final long LONGEST_MILLIS = 30_000;

  /** workers.threads. */
  private static final int THREADS = 4;

  /** workers.queueLength. */
  private static final int PLACES = 32;

  private static final String NO_DELEGATIONS = "false";
  private static final int UNDELEGATED = OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG;

  private final List<Runnable> hangLater = new ArrayList<>();

  /** Several clients have a file of their own in the slow export, and will do this to it. */
  private void hangLater(BiConsumer<FileCalls, Opened> call) throws IOException {
    int index = hangLater.size();
    FileCalls client = server.client("hanging" + index);
    Opened file = client.create(client.handleOf("slow"), "f" + index);
    client.write(file.handle(), file.stateid(), 0, Nfs4Const.UNSTABLE4, new byte[4096]);
    hangLater.add(() -> call.accept(client, file));
  }

  private void everythingHangs() throws Exception {
    hang();
    hangLater.forEach(threads::execute);
    disk.awaitStuck(hangLater.size());
  }

  private static void commit(FileCalls client, Opened file) {
    client.commit(file.handle());
  }

  private void measure(String what, FileCalls client, Opened file, boolean read) {
    long[] nanos = new long[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      long start = System.nanoTime();
      assertThat(client.attributes(file.handle())).isNotNull();
      assertThat(
              client
                  .write(file.handle(), file.stateid(), 0, Nfs4Const.UNSTABLE4, new byte[4096])
                  .status())
          .isEqualTo("NFS4_OK");
      if (read) {
        assertThat(client.read(file.handle(), file.stateid(), 0, 4096).status())
            .isEqualTo("NFS4_OK");
      }
      nanos[i] = System.nanoTime() - start;
    }
    Arrays.sort(nanos);
    LOG.info(
        "{}: median {} us, longest {} us",
        what,
        TimeUnit.NANOSECONDS.toMicros(nanos[ROUNDS / 2]),
        TimeUnit.NANOSECONDS.toMicros(nanos[ROUNDS - 1]));
    assertThat(TimeUnit.NANOSECONDS.toMillis(nanos[ROUNDS - 1]))
        .as(what)
        .isLessThan(LONGEST_MILLIS);
  }

  @Test
  void diskThatHangsStopsNobodyElse() throws Exception {
    start(ServerFixture.longRecallMillis(), NO_DELEGATIONS, "pread", "fdatasync", "fsync");
    FileCalls elsewhere = server.client("elsewhere");
    Opened fast = elsewhere.create(elsewhere.handleOf("fast"), "g");
    FileCalls same = server.client("same");
    Opened slow = same.create(same.handleOf("slow"), "g");
    measure("before", elsewhere, fast, true);
    for (int i = 0; i < HANGING / 2; i++) {
      hangLater((client, file) -> client.read(file.handle(), file.stateid(), 0, 4096));
      hangLater(IsolationTest::commit);
    }
    everythingHangs();
    measure("another export while a disk hangs", elsewhere, fast, true);
    assertThat(elsewhere.create(elsewhere.handleOf("fast"), "h").status()).isEqualTo("NFS4_OK");
    // What memory can answer goes on even where the disk hangs.
    measure("the same export", same, slow, false);
    assertThat(same.list(same.handleOf("slow"), 4096)).contains("g");
    assertThat(same.close(slow.handle(), slow.stateid())).isEqualTo("NFS4_OK");
  }

  @Test
  void filesThatCannotBeFoundOrLookedAtStopNobodyElse() throws Exception {
    start(ServerFixture.longRecallMillis(), NO_DELEGATIONS, "openat2", "openByHandle", "statx");
    FileCalls elsewhere = server.client("elsewhere");
    Opened fast = elsewhere.create(elsewhere.handleOf("fast"), "g");
    FileCalls same = server.client("same");
    Opened slow = same.create(same.handleOf("slow"), "g");
    byte[] directory = same.handleOf("slow");
    measure("before", same, slow, true);
    for (int i = 0; i < HANGING / 2; i++) {
      hangLater((client, file) -> {
        client.close(file.handle(), file.stateid());
        client.attributes(file.handle());
      });
      hangLater((client, _) -> client.open(directory, "g", READ, DENY_NONE));
    }
    everythingHangs();
    measure("another export while nothing can be looked at", elsewhere, fast, true);
    FileCalls late = server.client("late");
    assertThat(late.create(late.handleOf("fast"), "h").status()).isEqualTo("NFS4_OK");
    // What is open is found without a look, also where nothing else is.
    assertThat(
            same.write(slow.handle(), slow.stateid(), 0, Nfs4Const.UNSTABLE4, new byte[16])
                .status())
        .isEqualTo("NFS4_OK");
    assertThat(same.close(slow.handle(), slow.stateid())).isEqualTo("NFS4_OK");
  }

  @Test
  void listingOfTheExportsWaitsAmongTheWorkersOfTheOneThatHangs() throws Exception {
    start(ServerFixture.longRecallMillis(), NO_DELEGATIONS, "statx");
    FileCalls client = server.client("lister");
    hang();
    List<CompletableFuture<CompoundReply>> listings = new ArrayList<>();
    for (int slot = 1; slot <= 2 * THREADS; slot++) {
      listings.add(client.connection().send(listingWithSizes(client, slot)));
    }
    disk.awaitStuck(THREADS);
    byte[] fast = client.handleOf("fast");
    assertThat(client.attributes(fast)).isNotNull();
    assertThat(client.list(client.handleOf(), 4096)).containsExactlyInAnyOrder("slow", "fast");
    assertThat(listings).noneMatch(CompletableFuture::isDone);
    disk.goOn();
    for (CompletableFuture<CompoundReply> listing : listings) {
      CompoundReply reply = Nfs41TestClient.await(listing);
      assertThat(reply.status()).isEqualTo("NFS4_OK");
      assertThat(namesWithSizes(reply)).containsExactlyInAnyOrder("slow", "fast");
    }
  }

  private static Compound listingWithSizes(FileCalls client, int slot) {
    return client
        .session()
        .next(slot, false)
        .op(NfsOp4.OP_PUTROOTFH)
        .op(
            NfsOp4.OP_READDIR,
            o -> {
              o.int64(0);
              o.int64(0);
              o.int32(4096);
              o.int32(4096);
              Bitmap4.of(FileAttributes.FATTR4_SIZE).encode(o);
            });
  }

  private static List<String> namesWithSizes(CompoundReply reply) {
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_PUTROOTFH)).isEqualTo("NFS4_OK");
    assertThat(reply.next(NfsOp4.OP_READDIR)).isEqualTo("NFS4_OK");
    XdrReader in = reply.in();
    in.int64();
    List<String> names = new ArrayList<>();
    while (in.bool()) {
      in.int64();
      names.add(new String(in.opaque(255), StandardCharsets.UTF_8));
      assertThat(new Bitmap4().decode(in).isSet(FileAttributes.FATTR4_SIZE)).isTrue();
      assertThat(in.opaque(64)).hasSize(Long.BYTES);
    }
    assertThat(in.bool()).as("end of the directory").isTrue();
    return names;
  }

  @Test
  void clientThatAsksForAllThereIsStopsNobodyElse() throws Exception {
    start(ServerFixture.longRecallMillis(), NO_DELEGATIONS, "pread");
    FileCalls greedy = server.client("greedy");
    Opened file = greedy.create(greedy.handleOf("slow"), "f");
    greedy.write(file.handle(), file.stateid(), 0, Nfs4Const.UNSTABLE4, new byte[4096]);
    FileCalls same = server.client("same");
    Opened slow = same.create(same.handleOf("slow"), "g");
    int slots = (int) greedy.session().fore().maxRequests();
    assertThat(slots).as("more than the lane has places").isGreaterThan(PLACES);
    CountDownLatch refused = new CountDownLatch(slots - PLACES / 2);
    hang();
    List<CompletableFuture<CompoundReply>> replies = new ArrayList<>();
    for (int slot = 0; slot < slots; slot++) {
      CompletableFuture<CompoundReply> reply =
          greedy
              .connection()
              .send(
                  FileCalls.putFh(file.handle())
                      .apply(greedy.session().next(slot, false))
                      .op(
                          NfsOp4.OP_READ,
                          o -> {
                            Stateids.encode(o, file.stateid());
                            o.int64(0);
                            o.int32(16);
                          }));
      replies.add(reply);
      reply.thenAccept(answer -> {
        assertThat(answer.status()).isEqualTo("NFS4ERR_DELAY");
        refused.countDown();
      });
    }
    assertThat(refused.await(60, TimeUnit.SECONDS)).as("it has all it may have").isTrue();
    measure("the same export, of which another client has all it may have", same, slow, false);
    FileCalls elsewhere = server.client("elsewhere");
    measure("another export", elsewhere, elsewhere.create(elsewhere.handleOf("fast"), "g"), true);
    disk.goOn();
    long served =
        replies.stream()
            .filter(reply -> Nfs41TestClient.await(reply).status().equals("NFS4_OK"))
            .count();
    assertThat(served).isEqualTo(PLACES / 2);
  }

  @Test
  void recallHeldOpenStopsNobodyElse() throws Exception {
    start(ServerFixture.longRecallMillis(), NO_DELEGATIONS);
    FileCalls holder = server.client("holder");
    holder.connection().ignoreCallbacks();
    Path file = Files.write(server.of("fast").resolve("held"), new byte[8192]);
    layout(holder, holder.open(holder.handleOf("fast"), "held", BOTH, DENY_NONE));
    othersWhileRecalled(file, Step.RECALL_SENT);
  }

  @Test
  void recallHeldOpenByTheHolderOfADelegationStopsNobodyElse() throws Exception {
    start(ServerFixture.longRecallMillis(), "true");
    DelegationPeer holder = new DelegationPeer(server.client("holder"));
    Path file = Files.write(server.of("fast").resolve("held"), new byte[8192]);
    DelegationPeer.Given given =
        holder.open(
            holder.calls.handleOf("fast"),
            "held",
            BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    othersWhileRecalled(file, Step.DELEGATION_RECALLED);
  }

  private void othersWhileRecalled(Path file, Step sent) throws Exception {
    FileCalls other = server.client("other");
    byte[] root = other.handleOf("fast");
    Files.write(server.of("fast").resolve("g"), new byte[0]);
    Opened fast = other.open(root, "g", BOTH | UNDELEGATED, DENY_NONE);
    measure("before", other, fast, true);
    CountDownLatch recalled = new CountDownLatch(1);
    server
        .server()
        .metrics()
        .addListener(event -> {
          if (event.step() == sent) {
            recalled.countDown();
          }
        });
    Process breaker = breaker(file);
    try {
      assertThat(recalled.await(60, TimeUnit.SECONDS)).isTrue();
      measure("while a recall is held open", other, fast, true);
      assertThat(other.open(root, "g", READ | UNDELEGATED, DENY_NONE).status())
          .isEqualTo("NFS4_OK");
      assertThat(breaker.isAlive()).as("the recall was open all the time").isTrue();
      assertThat(file).hasSize(8192);
    } finally {
      breaker.destroyForcibly();
    }
  }
}
