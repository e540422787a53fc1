package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.ops.FileCalls.Written;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: whatever is acknowledged as durable has been given to the disk before, the very file or
 * directory, and where the disk cannot take it nothing is acknowledged. Method: the kernel's fsync
 * and fdatasync are watched, by what their descriptors lead to, and made to fail.
 */
@Timeout(120)
class DurabilityTest {

  private final SyncWatch disk = new SyncWatch();
  private ServerFixture server;
  private FileCalls client;
  private Path one;
  private Path two;
  private byte[] first;
  private byte[] second;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture(disk.kernel(), "");
    one = Files.createDirectory(server.export().toRealPath().resolve("one"));
    two = Files.createDirectory(one.resolveSibling("two"));
    client = server.client("alice");
    first = client.handleOf("data", "one");
    second = client.handleOf("data", "two");
  }

  @AfterEach
  void stop() throws IOException {
    disk.heal();
    server.close();
  }

  /** Fails while one of these cannot be made durable, and then makes all of them so. */
  private void durable(Supplier<String> operation, Path... all) {
    for (Path path : all) {
      disk.fail(path::equals);
      assertThat(operation.get()).as("with %s failing", path.getFileName()).isEqualTo("NFS4ERR_IO");
    }
    disk.heal();
    assertThat(operation.get()).isEqualTo("NFS4_OK");
    assertThat(disk.synced()).contains(all);
  }

  // ---------------------------------------------------------------- data

  private Written write(Opened file, int stable) {
    return client.write(file.handle(), file.stateid(), 0, stable, "data".getBytes(UTF_8));
  }

  @ParameterizedTest
  @ValueSource(ints = {Nfs4Const.DATA_SYNC4, Nfs4Const.FILE_SYNC4})
  void stableWrite(int stable) {
    Opened file = client.create(first, "f");
    durable(() -> write(file, stable).status(), one.resolve("f"));
    assertThat(write(file, stable).committed()).isEqualTo(stable);
  }

  @Test
  void unstableWriteWaitsForItsCommit() {
    Opened file = client.create(first, "f");
    disk.heal();
    assertThat(write(file, Nfs4Const.UNSTABLE4).committed()).isEqualTo(Nfs4Const.UNSTABLE4);
    assertThat(disk.synced()).as("the disk is spared until then").isEmpty();
    durable(() -> client.commit(file.handle()).status(), one.resolve("f"));
  }

  @Test
  void layoutCommit() throws IOException {
    Files.write(one.resolve("f"), new byte[8192]);
    Opened file = client.open(first, "f", BOTH, DENY_NONE);
    HeldLayout layout =
        HeldLayout.get(client, file.handle(), file.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
    durable(
        () -> client.layoutCommit(file.handle(), layout.stateid(), false, 10), one.resolve("f"));
    layout.giveBack();
  }

  /** The kernel tells of a failure once, and here a LAYOUTCOMMIT or a grant is told of it. */
  @Test
  void whatALayoutsFlushCouldNotWriteIsWrittenAgain() throws IOException {
    Files.write(one.resolve("f"), new byte[8192]);
    Opened file = client.open(first, "f", BOTH, DENY_NONE);
    HeldLayout layout =
        HeldLayout.get(client, file.handle(), file.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
    long before = write(file, Nfs4Const.UNSTABLE4).verifier();
    disk.fail(one.resolve("f")::equals);
    assertThat(client.layoutCommit(file.handle(), layout.stateid(), false, 10))
        .isEqualTo("NFS4ERR_IO");
    disk.heal();

    Answer committed = client.commit(file.handle());

    assertThat(committed.status()).isEqualTo("NFS4_OK");
    assertThat(committed.in().int64()).as("the verifier").isNotEqualTo(before);
    layout.giveBack();
  }

  @Test
  void layoutCommitOfBeforeARestart() throws Exception {
    try (RestartingServer restarting =
        new RestartingServer(disk.kernel(), "leaseSeconds: 90", "enabled: false")) {
      Path path = Files.write(restarting.export().toRealPath().resolve("f"), new byte[8192]);
      FileCalls before = restarting.client("holder");
      Opened held = before.open(before.handleOf("data"), "f", BOTH, DENY_NONE);
      HeldLayout layout =
          HeldLayout.get(before, held.handle(), held.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
      restarting.crash();
      FileCalls after = restarting.reclaiming("holder", 1);
      assertThat(ReclaimTest.reclaim(after, held.handle(), BOTH, DENY_NONE).status())
          .isEqualTo("NFS4_OK");
      disk.heal();
      durable(() -> after.layoutCommit(held.handle(), layout.stateid(), true, 10), path);
    }
  }

  // ---------------------------------------------------------------- names

  private static String symlink(FileCalls client, byte[] directory, String name) {
    return client
        .on(
            directory,
            NfsOp4.OP_CREATE,
            o -> {
              o.int32(Nfs4Const.NF4LNK);
              o.opaque("target".getBytes(UTF_8));
              o.opaque(name.getBytes(UTF_8));
              FileCalls.noAttributes().accept(o);
            })
        .status();
  }

  /** A name for each try: one that failed may have been given all the same. */
  private final class Names implements Supplier<String> {
    private int given;

    @Override
    public String get() {
      return "n" + given++;
    }

    /** A file that is there already, by its name. */
    String file() {
      String name = get();
      try {
        Files.write(one.resolve(name), new byte[1]);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
      return name;
    }
  }

  private final Names names = new Names();

  @Test
  void directoryThatIsMade() {
    durable(() -> client.mkdir(first, names.get()).status(), one);
  }

  @Test
  void symbolicLinkThatIsMade() {
    durable(() -> symlink(client, first, names.get()), one);
  }

  @Test
  void fileThatIsMade() {
    durable(() -> client.create(first, names.get()).status(), one);
  }

  @Test
  void fileThatIsMadeExclusively() {
    durable(
        () ->
            client
                .open(
                    first,
                    BOTH,
                    DENY_NONE,
                    "owner",
                    FileCalls.exclusive41(4711, FileCalls.mode(0600)),
                    FileCalls.claimName(names.get()))
                .status(),
        one);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void inodeOfAFileThatIsMade(boolean exclusive) {
    Predicate<Path> inode = path -> path.startsWith(one) && !path.equals(one);
    Supplier<String> make =
        () ->
            client
                .open(
                    first,
                    BOTH,
                    DENY_NONE,
                    "owner",
                    exclusive
                        ? FileCalls.exclusive41(4711, FileCalls.mode(0600))
                        : FileCalls.unchecked(FileCalls.mode(0600)),
                    FileCalls.claimName(names.get()))
                .status();
    disk.fail(inode);
    assertThat(make.get()).isEqualTo("NFS4ERR_IO");
    disk.heal();
    assertThat(make.get()).isEqualTo("NFS4_OK");
    List<Path> synced = disk.synced();
    assertThat(synced).anyMatch(inode);
    assertThat(synced.getLast()).as("the name after what it stands for").isEqualTo(one);
  }

  @Test
  void nameThatIsRemoved() {
    durable(() -> client.remove(first, names.file()), one);
  }

  @Test
  void nameThatIsMovedWithinADirectory() {
    durable(() -> client.rename(first, names.file(), first, names.get()), one);
  }

  @Test
  void nameThatIsMovedFromOneDirectoryIntoAnother() {
    durable(() -> client.rename(first, names.file(), second, names.get()), one, two);
  }

  @Test
  void nameThatIsAdded() throws IOException {
    Files.write(one.resolve("f"), new byte[1]);
    byte[] file = client.handleOf("data", "one", "f");
    durable(() -> client.link(file, second, names.get()), two);
  }

  @Test
  void anonymousStateidIsNoWayAround() throws IOException {
    Files.write(one.resolve("f"), new byte[1]);
    byte[] file = client.handleOf("data", "one", "f");
    durable(
        () ->
            client
                .write(file, Stateids.ANONYMOUS, 0, Nfs4Const.FILE_SYNC4, new byte[] {1})
                .status(),
        one.resolve("f"));
  }
}
