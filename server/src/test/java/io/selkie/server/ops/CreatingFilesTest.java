package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.claimName;
import static io.selkie.server.ops.FileCalls.exclusive41;
import static io.selkie.server.ops.FileCalls.guarded;
import static io.selkie.server.ops.FileCalls.noAttributes;
import static io.selkie.server.ops.FileCalls.unchecked;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.Arbiter;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.OpenFlags;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Goal: whatever else happens to it, a file that an OPEN has made is open when that is answered.
 */
@Timeout(120)
class CreatingFilesTest {

  private static final byte[] DATA = {1};

  /** What happens once, on the server's thread, when a file has just got its name. */
  private final AtomicReference<Runnable> whenNamed = new AtomicReference<>();

  private volatile boolean namelessFiles = true;
  private ServerFixture server;
  private FileCalls client;
  private FileCalls other;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    start("{enabled: false}");
  }

  private void start(String delegations) throws IOException {
    server = new ServerFixture(meddling(new LinuxKernel()), "", delegations);
    client = server.client("alice");
    other = server.client("bob");
    root = client.handleOf("data");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  /** A kernel in which somebody is quick; as if the server were slow at the worst moment. */
  private Kernel meddling(Kernel real) {
    return (Kernel)
        Proxy.newProxyInstance(
            Kernel.class.getClassLoader(),
            new Class<?>[] {Kernel.class},
            (proxy, method, arguments) -> {
              long flags = method.getName().equals("openat2") ? (long) arguments[2] : 0;
              if (!namelessFiles && (flags & OpenFlags.TMPFILE) == OpenFlags.TMPFILE) {
                return Errno.EOPNOTSUPP.result();
              }
              Object result = method.invoke(real, arguments);
              if (method.getName().equals("linkat") || (flags & OpenFlags.EXCL) != 0) {
                Runnable then = whenNamed.getAndSet(null);
                if (then != null) {
                  then.run();
                }
              }
              return result;
            });
  }

  private Opened make(Consumer<XdrWriter> how) {
    return client.open(root, BOTH, DENY_NONE, "owner", how, claimName("f"));
  }

  /** What the other client is answered that comes when the file has just got its name. */
  private AtomicReference<Opened> otherOpens(int access, int deny) {
    AtomicReference<Opened> answer = new AtomicReference<>();
    whenNamed.set(() -> answer.set(other.open(root, "f", access, deny)));
    return answer;
  }

  private static List<Consumer<XdrWriter>> createModes() {
    return List.of(unchecked(noAttributes()), guarded(), exclusive41(7, noAttributes()));
  }

  @ParameterizedTest
  @MethodSource("createModes")
  void nobodyCanDenyAFileToItsMaker(Consumer<XdrWriter> how) {
    AtomicReference<Opened> quick = otherOpens(READ, OpenConst4.OPEN4_SHARE_DENY_WRITE);

    Opened made = make(how);

    assertThat(quick.get().status()).isEqualTo("NFS4ERR_SHARE_DENIED");
    assertThat(made.status()).isEqualTo("NFS4_OK");
    assertThat(write(made)).isEqualTo("NFS4_OK");
    assertThat(client.close(made.handle(), made.stateid())).isEqualTo("NFS4_OK");
    assertThat(((Arbiter) server.server().arbiter()).fileCount()).as("leave given back").isZero();
  }

  @ParameterizedTest
  @MethodSource("createModes")
  void nobodyHasADelegationOfAFileBeforeItsMaker(Consumer<XdrWriter> how) throws IOException {
    server.close();
    start("{contentionMillis: 0}");
    DelegationPeer maker = new DelegationPeer(client);
    DelegationPeer quick = new DelegationPeer(other);
    AtomicReference<Given> theirs = new AtomicReference<>();
    int wanted = READ | OpenConst4.OPEN4_SHARE_ACCESS_WANT_READ_DELEG;
    whenNamed.set(() -> theirs.set(quick.open(root, "f", wanted)));

    Given made = maker.open(root, BOTH, how, claimName("f"));

    assertThat(made.status()).isEqualTo("NFS4_OK");
    assertThat(theirs.get().status()).isEqualTo("NFS4_OK");
    assertThat(theirs.get().why()).isEqualTo(OpenConst4.WND4_CONTENTION);
    assertThat(quick.recalls).isEmpty();
  }

  @Test
  void whereFilesHaveNamesFromTheStartARefusedOneIsNotLeftBehind() throws IOException {
    namelessFiles = false;
    AtomicReference<Opened> quick = otherOpens(READ, OpenConst4.OPEN4_SHARE_DENY_WRITE);

    assertThat(make(guarded()).status()).isEqualTo("NFS4ERR_SHARE_DENIED");

    assertThat(quick.get().status()).isEqualTo("NFS4_OK");
    assertThat(server.export().resolve("f")).doesNotExist();
    assertThat(make(guarded()).status()).as("again").isEqualTo("NFS4_OK");
    assertThat(make(guarded()).status()).isEqualTo("NFS4ERR_EXIST");
  }

  @Test
  void whoComesSecondOpensTheOthersFile() {
    AtomicReference<Opened> late = new AtomicReference<>();
    whenNamed.set(() ->
        late.set(
            other.open(root, BOTH, DENY_NONE, "owner", unchecked(noAttributes()), claimName("f"))));
    Opened made = make(guarded());
    assertThat(made.status()).isEqualTo("NFS4_OK");
    assertThat(late.get().status()).isEqualTo("NFS4_OK");
    assertThat(late.get().handle()).isEqualTo(made.handle());
    assertThat(make(guarded()).status()).isEqualTo("NFS4ERR_EXIST");
  }

  private String write(Opened made) {
    return client.write(made.handle(), made.stateid(), 0, Nfs4Const.UNSTABLE4, DATA).status();
  }

  private static Consumer<XdrWriter> exclusive4(long verifier) {
    return o -> {
      o.int32(OpenConst4.OPEN4_CREATE);
      o.int32(OpenConst4.EXCLUSIVE4);
      o.int64(verifier);
    };
  }

  private Opened exclusively(FileCalls who, long verifier, String name) {
    return who.open(root, BOTH, DENY_NONE, "owner", exclusive4(verifier), claimName(name));
  }

  @Test
  void whoWantsNoLayoutsCreatesExclusivelyTheOldWayToo() throws IOException {
    assertThat(exclusively(client, 1, "x").status()).isEqualTo("NFS4ERR_INVAL");
    try (Nfs41TestClient connection = Nfs41TestClient.connect(server.server().nfsAddress())) {
      TestSession session =
          TestSession.open(connection, "plain", 1, 0, SessionConst4.EXCHGID4_FLAG_USE_NON_PNFS);
      session.call(c -> c.reclaimComplete());
      FileCalls plain = FileCalls.of(connection, session, "plain");
      Opened made = exclusively(plain, 1, "x");
      assertThat(made.status()).isEqualTo("NFS4_OK");
      assertThat(made.set())
          .isEqualTo(
              Bitmap4.of(
                  FileAttributes.FATTR4_TIME_ACCESS_SET, FileAttributes.FATTR4_TIME_MODIFY_SET));
      assertThat(exclusively(plain, 1, "x").status()).as("again").isEqualTo("NFS4_OK");
      assertThat(exclusively(plain, 2, "x").status()).isEqualTo("NFS4ERR_EXIST");
    }
  }
}
