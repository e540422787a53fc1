package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.ExportConfig;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ExportBusyException;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: an export whose file system is torn out from underneath, by {@code umount -l}, with its
 * disk, or because another one takes its place, hurts who works on it and nobody else; no client
 * ever sees another file system's data as that of the one it knew. Method: a file system of its own
 * in a file. Who may not mount one fails here; only the replaced directory needs none.
 */
@Timeout(300)
class UnmountedExportTest {

  private static final byte[] OURS = {'o', 'u', 'r', 's'};
  private static final byte[] THEIRS = {'t', 'h', 'e', 'm'};

  /** To read and write, and no delegation. */
  private static final int PLAIN = BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG;

  private final HangingOpens kernel = new HangingOpens();
  private TwoExports server;
  private LoopMount ours;
  private FileCalls client;
  private List<ExportConfig> both;

  @BeforeEach
  void start() throws Exception {
    server = new TwoExports(kernel.kernel(), 500, "{contentionMillis: 0}", new String[] {"two"});
    Files.write(server.of("two").resolve("f"), OURS);
    client = server.client("alice");
    both = server.exports("one", "two");
    Path one = server.of("one");
    Path base = one.getParent();
    if (LoopMount.isPossible(base)) {
      // What must never be seen.
      Files.write(one.resolve("f"), THEIRS);
      ours = LoopMount.make(base.resolve("ours.img"), one);
      ours.mount();
    }
    Files.write(one.resolve("f"), OURS);
    Files.write(one.resolve("g"), OURS);
    apply(both);
  }

  @AfterEach
  void stop() throws Exception {
    kernel.goOn();
    try {
      if (ours != null) {
        ours.close();
      }
    } finally {
      server.close();
    }
  }

  private void apply(List<ExportConfig> exports) throws Exception {
    server.server().applyExports(exports).toCompletableFuture().get(60, TimeUnit.SECONDS);
  }

  private String putFh(byte[] handle) {
    return client.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status();
  }

  /** Asks until it is so, which has to come by itself. */
  private void awaitHandle(byte[] handle, String status) {
    while (!putFh(handle).equals(status)) {
      Thread.onSpinWait();
    }
  }

  private void takeLayout(Opened opened) {
    assertThat(
            client
                .layoutGet(opened.handle(), opened.stateid(), LayoutConst4.LAYOUTIOMODE4_READ)
                .status())
        .isEqualTo("NFS4_OK");
  }

  private long fsid(byte[] handle) {
    FileCalls.Answer answer =
        client.on(handle, NfsOp4.OP_GETATTR, new Bitmap4().set(FileAttributes.FATTR4_FSID)::encode);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    XdrReader in = answer.in();
    new Bitmap4().decode(in);
    in.int32();
    return in.int64();
  }

  private byte[] contentOf(String export) {
    Opened file = client.open(client.handleOf(export), "f", PLAIN, DENY_NONE);
    assertThat(file.status()).isEqualTo("NFS4_OK");
    byte[] content = client.read(file.handle(), file.stateid(), 0, 10).bytes();
    assertThat(client.close(file.handle(), file.stateid())).isEqualTo("NFS4_OK");
    return content;
  }

  /** What the test is about cannot be shown without, and nothing stands in for it. */
  private void mustBeMounted() {
    assertThat(ours)
        .as(
            "a file system of its own for the export: these tests need a process that may mount a"
                + " loop device (root, mkfs.ext4, mount)")
        .isNotNull();
  }

  /** The directory that was exported is moved away and another one takes its place. */
  private void directoryIsReplaced() throws IOException {
    Path one = server.of("one");
    Files.move(one, one.resolveSibling("moved"));
    Files.createDirectory(one);
    Files.write(one.resolve("f"), THEIRS);
    assertThat(contentOf("one")).isEqualTo(OURS);
    assertThat(contentOf("two")).isEqualTo(OURS);
  }

  @Test
  void directoryThatIsReplacedIsStillTheOneThatIsServed() throws Exception {
    if (ours != null) {
      ours.close();
      ours = null;
      apply(server.exports("two"));
      Files.write(server.of("one").resolve("f"), OURS);
      apply(both);
    }
    directoryIsReplaced();
  }

  @Test
  @Tag("debian")
  void fileSystemThatIsUnmountedIsLetGoAndComesBackWhenItIsMountedAgain() throws Exception {
    mustBeMounted();
    byte[] handle = client.handleOf("one", "f");
    long fsid = fsid(handle);
    Opened opened = client.open(client.handleOf("one"), "f", PLAIN, DENY_NONE);
    takeLayout(opened);
    FileCalls bob = server.client("bob");
    Given delegated = new DelegationPeer(bob).honest().open(bob.handleOf("one"), "g", BOTH);
    assertThat(delegated.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    Opened two = client.open(client.handleOf("two"), "f", PLAIN, DENY_NONE);
    takeLayout(two);

    ours.unmountLazily();

    awaitHandle(handle, "NFS4ERR_STALE");
    // One change after the other: when this one is made, that one is over.
    apply(both);
    assertThat(client.list(client.handleOf(), 4096)).containsExactly("two");
    assertThat(putFh(handle)).isEqualTo("NFS4ERR_STALE");
    assertThat(server.server().config().exports())
        .as("a reload would add nothing")
        .containsExactlyInAnyOrderElementsOf(both);
    assertThat(server.server().arbiter().layoutCount()).isEqualTo(1);
    assertThat(server.server().arbiter().delegations().delegationCount()).isZero();
    assertThat(server.server().metrics().values())
        .containsEntry("selkie_seals", 1L)
        .containsEntry("selkie_open_descriptions", 1L);
    assertThat(client.read(two.handle(), two.stateid(), 0, 10).bytes()).isEqualTo(OURS);
    while (ours.isInUse()) {
      Thread.onSpinWait();
    }

    ours.mount();

    awaitHandle(handle, "NFS4_OK");
    assertThat(fsid(handle)).isEqualTo(fsid);
    assertThat(contentOf("one")).isEqualTo(OURS);
    assertThat(client.read(two.handle(), two.stateid(), 0, 10).bytes()).isEqualTo(OURS);
  }

  @Test
  @Tag("debian")
  void exportThatHangsWhileItIsMountedAgainComesBackWhenItHasGone() throws Exception {
    mustBeMounted();
    byte[] handle = client.handleOf("one", "f");
    FileCalls other = server.client("late");
    byte[] directory = other.handleOf("one");
    kernel.hangOn(server.of("one").resolve("f"));
    CompletableFuture<Opened> late =
        CompletableFuture.supplyAsync(() -> other.open(directory, "f", PLAIN, DENY_NONE));
    assertThat(kernel.hanging().tryAcquire(60, TimeUnit.SECONDS)).as("it hangs").isTrue();

    ours.unmountLazily();
    awaitHandle(handle, "NFS4ERR_STALE");
    ours.mount();
    assertThatThrownBy(() -> apply(both)).hasRootCauseInstanceOf(ExportBusyException.class);

    kernel.goOn();
    late.get(60, TimeUnit.SECONDS);
    awaitHandle(handle, "NFS4_OK");
    assertThat(contentOf("one")).isEqualTo(OURS);
  }

  @Test
  @Tag("debian")
  void anotherFileSystemInItsPlaceIsAnotherOneToClients() throws Exception {
    mustBeMounted();
    byte[] root = client.handleOf("one");
    byte[] handle = client.handleOf("one", "f");
    long fsid = fsid(root);
    Path base = server.of("one").getParent();
    try (LoopMount theirs = LoopMount.make(base.resolve("theirs.img"), server.of("one"))) {
      ours.unmountLazily();
      theirs.mount();
      // The same inodes, other data.
      Files.write(server.of("one").resolve("f"), THEIRS);
      awaitHandle(handle, "NFS4ERR_STALE");
      apply(both);
      assertThat(client.list(client.handleOf(), 4096))
          .as("nobody said that this one is to be served")
          .containsExactly("two");

      apply(server.exports("two"));
      apply(both);
      assertThat(contentOf("one")).isEqualTo(THEIRS);
      assertThat(fsid(client.handleOf("one"))).isNotEqualTo(fsid);
      assertThat(putFh(handle)).isEqualTo("NFS4ERR_STALE");
      assertThat(putFh(root)).isEqualTo("NFS4ERR_STALE");
      apply(server.exports("two"));
    }
  }

  @Test
  @Tag("debian")
  void diskThatIsGoneIsAnErrorAndHurtsNoOtherExport() throws Exception {
    mustBeMounted();
    byte[] one = client.handleOf("one");
    Opened opened = client.open(one, "f", PLAIN, DENY_NONE);
    takeLayout(opened);
    Opened two = client.open(client.handleOf("two"), "f", PLAIN, DENY_NONE);

    ours.shutDown();

    assertThat(client.create(one, "new").status()).isIn("NFS4ERR_IO", "NFS4ERR_ROFS");
    assertThat(client.write(opened.handle(), opened.stateid(), 0, 2, new byte[1 << 16]).status())
        .isIn("NFS4ERR_IO", "NFS4ERR_ROFS");
    assertThat(client.write(two.handle(), two.stateid(), 0, 2, OURS).status()).isEqualTo("NFS4_OK");

    ours.unmountLazily();

    awaitHandle(opened.handle(), "NFS4ERR_STALE");
    apply(both);
    while (ours.isInUse()) {
      Thread.onSpinWait();
    }
    assertThat(client.read(two.handle(), two.stateid(), 0, 10).bytes()).isEqualTo(OURS);
  }
}
