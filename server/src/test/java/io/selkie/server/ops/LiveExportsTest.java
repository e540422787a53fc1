package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.ClientRule;
import io.selkie.config.ExportConfig;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ExportBusyException;
import io.selkie.server.ops.Calls42.Copied;
import io.selkie.server.ops.Calls42.Range;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: exports come and go while a server runs, and who works on the others notices nothing. */
@Timeout(180)
class LiveExportsTest {

  private static final int COPY_BYTES = 16 << 20;

  private TwoExports server;
  private FileCalls client;

  @BeforeEach
  void start() throws IOException {
    server = new TwoExports(new LinuxKernel(), 500, "one", "two");
    Files.write(server.of("one").resolve("f"), new byte[8192]);
    Files.write(server.of("two").resolve("f"), new byte[8192]);
    client = server.client("alice");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private void apply(List<ExportConfig> exports) throws Exception {
    server.server().applyExports(exports).toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private void takeLayout(Opened opened) {
    assertThat(layoutGet(opened, LayoutConst4.LAYOUTIOMODE4_RW)).isEqualTo("NFS4_OK");
  }

  private String layoutGet(Opened opened, int ioMode) {
    return client.layoutGet(opened.handle(), opened.stateid(), ioMode).status();
  }

  /** The first export with another rule for everybody. */
  private List<ExportConfig> forReadersOnly() throws IOException {
    ExportConfig one = server.exports("one").getFirst();
    ClientRule readers =
        new ClientRule("127.0.0.0/8", true, ClientRule.Squash.NONE, 65_534, 65_534, "sys, none");
    return List.of(
        new ExportConfig(one.path(), one.name(), false, true, List.of(readers)),
        server.exports("two").getFirst());
  }

  @Test
  void exportThatGoesTakesItsStateAlongAndTheOtherNoticesNothing() throws Exception {
    Opened one = client.open(client.handleOf("one"), "f", BOTH, DENY_NONE);
    Opened two = client.open(client.handleOf("two"), "f", BOTH, DENY_NONE);
    takeLayout(one);
    takeLayout(two);
    assertThat(server.server().arbiter().layoutCount()).isEqualTo(2);

    apply(server.exports("two", "three"));

    assertThat(client.list(client.handleOf(), 4096)).containsExactlyInAnyOrder("two", "three");
    assertThat(client.call(FileCalls.putFh(one.handle()), NfsOp4.OP_PUTFH).status())
        .isEqualTo("NFS4ERR_STALE");
    assertThat(client.read(two.handle(), two.stateid(), 0, 10).status()).isEqualTo("NFS4_OK");
    assertThat(server.server().arbiter().layoutCount()).isEqualTo(1);
    assertThat(server.server().metrics().values())
        .containsEntry("selkie_seals", 1L)
        .as("never a grace period because of a reload")
        .containsEntry("selkie_grace", 0L);
    assertThat(descriptorsOn(server.of("one"))).isZero();
    assertThat(client.create(client.handleOf("three"), "g").status()).isEqualTo("NFS4_OK");
  }

  @Test
  void exportThatGoesTakesLayoutsByItsHandlesAlongWhoeverOpenedTheFile() throws Exception {
    Files.createLink(server.of("two").resolve("g"), server.of("one").resolve("f"));
    Opened one = client.open(client.handleOf("one"), "f", BOTH, DENY_NONE);
    Opened two = client.open(client.handleOf("two"), "g", BOTH, DENY_NONE);
    takeLayout(two);

    apply(server.exports("one"));

    assertThat(server.server().arbiter().layoutCount()).isZero();
    assertThat(client.read(one.handle(), two.stateid(), 0, 10).status())
        .as("by the export that stays")
        .isEqualTo("NFS4_OK");
  }

  @Test
  void exportThatComesBackIsTheSame() throws Exception {
    byte[] handle = client.handleOf("one", "f");
    assertThat(client.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status()).isEqualTo("NFS4_OK");
    apply(server.exports("two"));
    assertThat(client.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status())
        .isEqualTo("NFS4ERR_STALE");
    apply(server.exports("one", "two"));
    assertThat(client.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void newRulesCountAtOnceForLayoutsToo() throws Exception {
    Opened one = client.open(client.handleOf("one"), "f", BOTH, DENY_NONE);
    takeLayout(one);
    ExportConfig before = server.exports("one").getFirst();
    apply(
        List.of(
            new ExportConfig(before.path(), before.name(), true, true),
            server.exports("two").getFirst()));
    assertThat(server.server().arbiter().layoutCount()).isZero();
    assertThat(client.write(one.handle(), one.stateid(), 0, 0, new byte[] {1}).status())
        .isEqualTo("NFS4ERR_ROFS");
    assertThat(client.read(one.handle(), one.stateid(), 0, 10).status()).isEqualTo("NFS4_OK");
    assertThat(layoutGet(one, LayoutConst4.LAYOUTIOMODE4_RW))
        .as("by the open of before")
        .isEqualTo("NFS4ERR_LAYOUTUNAVAILABLE");
    assertThat(layoutGet(one, LayoutConst4.LAYOUTIOMODE4_READ)).isEqualTo("NFS4_OK");
  }

  @Test
  void whoMayOnlyReadFromNowOnWritesNoLongerOneSided() throws Exception {
    Opened one = client.open(client.handleOf("one"), "f", BOTH, DENY_NONE);
    takeLayout(one);
    apply(forReadersOnly());
    assertThat(client.write(one.handle(), one.stateid(), 0, 0, new byte[] {1}).status())
        .isEqualTo("NFS4ERR_ROFS");
    assertThat(layoutGet(one, LayoutConst4.LAYOUTIOMODE4_RW))
        .isEqualTo("NFS4ERR_LAYOUTUNAVAILABLE");
    assertThat(layoutGet(one, LayoutConst4.LAYOUTIOMODE4_READ)).isEqualTo("NFS4_OK");
  }

  @Test
  void whoMayOnlyReadFromNowOnGetsNoDelegationToWrite() throws Exception {
    restart(new LinuxKernel(), "{contentionMillis: 0}");
    int plain = BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG;
    // Whose description stays writable.
    assertThat(client.open(client.handleOf("one"), "f", plain, DENY_NONE).status())
        .isEqualTo("NFS4_OK");
    apply(forReadersOnly());
    DelegationPeer peer = new DelegationPeer(client).honest();
    int want = OpenConst4.OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG;
    Given given = peer.open(client.handleOf("one"), "f", READ | want);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_NONE_EXT);
    assertThat(given.why()).isEqualTo(OpenConst4.WND4_RESOURCE);
  }

  private String putFh(byte[] handle) {
    return client.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status();
  }

  private void restart(Kernel kernel, String delegations) throws IOException {
    server.close();
    server = new TwoExports(kernel, 500, delegations, new String[] {"one", "two"});
    Files.write(server.of("one").resolve("f"), new byte[COPY_BYTES]);
    client = server.client("alice");
  }

  /** A delegation and a layout under it, of a client that has no open any more. */
  private Given delegatedWithALayout() {
    DelegationPeer peer = new DelegationPeer(client).honest();
    Given given = peer.open(client.handleOf("one"), "f", BOTH);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    takeLayout(new Opened("NFS4_OK", given.stateid(), given.handle(), null, 0));
    assertThat(client.close(given.handle(), given.open())).isEqualTo("NFS4_OK");
    assertThat(server.server().opens().count()).isZero();
    assertThat(server.server().arbiter().layoutCount()).isEqualTo(1);
    return given;
  }

  private void nothingIsHeld() {
    assertThat(server.server().arbiter().layoutCount()).isZero();
    assertThat(server.server().arbiter().delegations().delegationCount()).isZero();
    assertThat(OpenDescriptions.count(server.server())).isZero();
  }

  @Test
  void newRulesEndLayoutsOfWhoHasADelegationAndNoOpen() throws Exception {
    restart(new LinuxKernel(), "{contentionMillis: 0}");
    Given given = delegatedWithALayout();
    ExportConfig before = server.exports("one").getFirst();
    apply(
        List.of(
            new ExportConfig(before.path(), before.name(), true, true),
            server.exports("two").getFirst()));
    // New rules do not wait for the file's own close; an export that goes does.
    OpenDescriptions.await(server.server(), 0);
    nothingIsHeld();
    assertThat(client.write(given.handle(), Stateids.ANONYMOUS, 0, 0, new byte[1]).status())
        .isEqualTo("NFS4ERR_ROFS");
  }

  @Test
  void exportThatGoesTakesDelegationsWithoutAnOpenAlong() throws Exception {
    restart(new LinuxKernel(), "{contentionMillis: 0}");
    delegatedWithALayout();
    apply(server.exports("two"));
    nothingIsHeld();
    assertThat(descriptorsOn(server.of("one"))).isZero();
  }

  @Test
  void exportThatGoesEndsItsCopiesAndTellsTheirClients() throws Exception {
    Semaphore permits = new Semaphore(0);
    Kernel kernel = PlayedKernel.withSlowCopies(permits, COPY_BYTES / 16, new AtomicReference<>());
    restart(kernel, "{enabled: false}");
    CallbackInbox inbox = CallbackInbox.of(client);
    byte[] one = client.handleOf("one");
    Opened from = client.open(one, "f", READ, DENY_NONE);
    Opened to = client.create(one, "g");
    Copied copied = new Calls42(client).copy(from, to, Range.ALL, false, 0);
    assertThat(copied.stateid()).isNotNull();
    CompletableFuture<Void> gone =
        server.server().applyExports(server.exports("two")).toCompletableFuture();
    // What is being copied goes on; here it is let go on once the export is gone.
    while (!gone.isDone()) {
      if (putFh(one).equals("NFS4ERR_STALE") && permits.availablePermits() == 0) {
        permits.release();
      }
    }
    gone.get(60, TimeUnit.SECONDS);
    CallbackInbox.Ended ended = inbox.nextEnded();
    assertThat(ended.status()).isEqualTo("NFS4ERR_ADMIN_REVOKED");
    assertThat(ended.stateid()).isEqualTo(copied.stateid());
    assertThat(ended.bytes()).isLessThan(COPY_BYTES);
    assertThat(descriptorsOn(server.of("one"))).isZero();
  }

  private static long descriptors() throws IOException {
    try (var fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.count();
    }
  }

  @Test
  void exportsThatComeAndGoLeaveNoDescriptorBehind() throws Exception {
    List<ExportConfig> more = server.exports("one", "two", "three");
    List<ExportConfig> fewer = server.exports("one", "two");
    long before = 0;
    for (int round = 0; round < 210; round++) {
      if (round == 10) {
        before = descriptors();
      }
      apply(more);
      if (round % 20 == 0) {
        Opened made = client.create(client.handleOf("three"), "f" + round);
        assertThat(made.status()).isEqualTo("NFS4_OK");
      }
      apply(fewer);
    }
    assertThat(descriptors()).isLessThan(before + 20);
    assertThat(descriptorsOn(server.of("three"))).isZero();
  }

  /** An OPEN by another client that hangs in the kernel, in the file "f" of an export. */
  private CompletableFuture<Opened> hangingOpen(HangingOpens kernel, String export)
      throws Exception {
    FileCalls other = server.client("late " + export);
    byte[] directory = other.handleOf(export);
    kernel.hangOn(server.of(export).resolve("f"));
    CompletableFuture<Opened> opened =
        CompletableFuture.supplyAsync(() -> other.open(directory, "f", BOTH, DENY_NONE));
    assertThat(kernel.hanging().tryAcquire(60, TimeUnit.SECONDS)).as("it hangs").isTrue();
    return opened;
  }

  @Test
  void operationThatHadBegunIsWaitedForAndLeavesNothingBehind() throws Exception {
    HangingOpens kernel = new HangingOpens();
    restart(kernel.kernel(), "{enabled: false}");
    byte[] handle = client.handleOf("one", "f");
    CompletableFuture<Opened> late = hangingOpen(kernel, "one");

    CompletableFuture<Void> gone =
        server.server().applyExports(server.exports("two")).toCompletableFuture();

    assertThatThrownBy(() -> gone.get(300, TimeUnit.MILLISECONDS))
        .as("it goes while somebody is in it")
        .isInstanceOf(TimeoutException.class);
    kernel.goOn();
    gone.get(60, TimeUnit.SECONDS);
    late.get(60, TimeUnit.SECONDS);
    assertThat(putFh(handle)).isEqualTo("NFS4ERR_STALE");
    nothingIsHeld();
    assertThat(descriptorsOn(server.of("one"))).isZero();
  }

  @Test
  @Tag("slow")
  void oneThatHangsKeepsNoOtherAndGoesWhenItCan() throws Exception {
    HangingOpens kernel = new HangingOpens();
    restart(kernel.kernel(), "{enabled: false}");
    byte[] two = client.handleOf("two");
    CompletableFuture<Opened> late = hangingOpen(kernel, "one");
    List<ExportConfig> three = server.exports("three");
    List<ExportConfig> again = server.exports("one", "three");

    assertThatThrownBy(() -> apply(three))
        .rootCause()
        .isInstanceOfSatisfying(
            ExportBusyException.class,
            busy -> {
              assertThat(busy.export()).isEqualTo("one");
              assertThat(busy.operations()).isEqualTo(1);
            });
    assertThat(client.list(client.handleOf(), 4096)).containsExactly("three");
    assertThat(putFh(two)).isEqualTo("NFS4ERR_STALE");
    assertThat(descriptorsOn(server.of("two"))).isZero();
    assertThatThrownBy(() -> apply(again)).hasRootCauseInstanceOf(ExportBusyException.class);

    kernel.goOn();
    late.get(60, TimeUnit.SECONDS);
    boolean served = false;
    while (!served) {
      try {
        apply(again);
        served = true;
      } catch (ExecutionException e) {
        assertThat(e).hasRootCauseInstanceOf(ExportBusyException.class);
      }
    }
    nothingIsHeld();
    assertThat(client.open(client.handleOf("one"), "f", BOTH, DENY_NONE).status())
        .isEqualTo("NFS4_OK");
  }

  @Test
  void whatCannotBeServedChangesNothing() throws Exception {
    List<ExportConfig> exports = server.exports("two", "three");
    Files.delete(server.of("three"));
    assertThatThrownBy(() -> apply(exports)).hasRootCauseInstanceOf(IOException.class);
    assertThat(client.list(client.handleOf(), 4096)).containsExactlyInAnyOrder("one", "two");
    assertThat(client.open(client.handleOf("one"), "f", BOTH, DENY_NONE).status())
        .isEqualTo("NFS4_OK");
  }

  private static long descriptorsOn(Path directory) throws IOException {
    try (var fds = Files.list(Path.of("/proc/self/fd"))) {
      return fds.filter(
              fd -> {
                try {
                  return Files.readSymbolicLink(fd).startsWith(directory);
                } catch (IOException e) {
                  // Closed since by another thread.
                  return false;
                }
              })
          .count();
    }
  }
}
