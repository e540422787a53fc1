package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: no request is ever made as another one's user, and no thread stays somebody else. Method:
 * eight users take turns on a few threads, the real identities of the kernel: they make files, are
 * refused, wait for a delegation to be given back, and now and then the server itself breaks down
 * in the middle of a call. Whose the files are tells who made them, and /proc who the threads are.
 */
@Timeout(120)
class ManyUsersTest {

  private static final boolean PRIVILEGED = new LinuxKernel().effectiveUid() == 0;
  private static final int OWN = new LinuxKernel().effectiveUid();
  private static final int USERS = 8;
  private static final int ROUNDS = 12;
  private static final int FIRST_UID = 71_000;
  private static final int PLAIN = OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG;

  /** A directory of this name cannot be made: something breaks down in the server. */
  private static final String BROKEN = "broken";

  private final Semaphore brokenDown = new Semaphore(0);

  /** For which users a thread has made directories, by the thread's number. */
  private final Map<Long, Set<Character>> usersOf = new ConcurrentHashMap<>();

  private final ExecutorService users = Executors.newFixedThreadPool(USERS);
  private final List<Nfs41TestClient> connections = new ArrayList<>();
  private ServerFixture server;
  private DelegationPeer holder;
  private TestSession session;
  private byte[] root;

  /** Who breaks down does so while the thread is somebody else. */
  private Kernel kernel() {
    return PlayedKernel.of((_, method, arguments) -> {
      if (method.equals("mkdirat")) {
        String name = Names.text((byte[]) arguments[1]);
        if (name.matches("d[0-9]-.*")) {
          usersOf
              .computeIfAbsent(
                  Thread.currentThread().threadId(), _ -> ConcurrentHashMap.newKeySet())
              .add(name.charAt(1));
        }
        if (name.startsWith(BROKEN)) {
          brokenDown.release();
          throw new AssertionError("played by a test: the server breaks down here");
        }
      }
      return null;
    });
  }

  @BeforeEach
  void start() throws IOException {
    server =
        new ServerFixture(
            kernel(),
            "",
            "{contentionMillis: 0}",
            "recallTimeoutMillis: " + ServerFixture.longRecallMillis(),
            "workers: {threads: 2, queueLength: 256}");
    Files.setPosixFilePermissions(server.export(), PosixFilePermissions.fromString("rwxrwxrwx"));
    secret();
    holder = new DelegationPeer(server.client("holder")).honest();
    root = holder.calls.handleOf("data");
    Nfs41TestClient first = connection(FIRST_UID);
    session = TestSession.open(first, "many users");
    assertThat(session.fore().maxRequests()).isGreaterThanOrEqualTo(2 * USERS);
    for (int user = 1; user < USERS; user++) {
      connection(FIRST_UID + user);
    }
  }

  private void secret() throws IOException {
    Path secret = Files.createFile(server.export().resolve("secret"));
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
  }

  private Nfs41TestClient connection(int uid) throws IOException {
    Nfs41TestClient connection =
        Nfs41TestClient.connect(server.server().nfsAddress())
            .as(new AuthSys().set(uid, uid, uid + 100));
    connections.add(connection);
    return connection;
  }

  @AfterEach
  void stop() throws IOException {
    users.shutdownNow();
    connections.forEach(Nfs41TestClient::close);
    server.close();
  }

  @Test
  void usersWhoShareThreadsAreNeverTakenForEachOther() throws Exception {
    List<byte[]> delegated = new ArrayList<>();
    for (int i = 0; i < USERS * ROUNDS; i++) {
      delegated.add(delegate(i));
    }
    List<Future<?>> all = new ArrayList<>();
    for (int i = 0; i < USERS; i++) {
      int user = i;
      all.add(
          users.submit(() -> {
            for (int round = 0; round < ROUNDS; round++) {
              work(user, round, delegated.get(user * ROUNDS + round));
            }
            return null;
          }));
    }
    for (Future<?> one : all) {
      one.get(100, TimeUnit.SECONDS);
    }
    assertThat(brokenDown.tryAcquire(USERS, 60, TimeUnit.SECONDS)).as("all broke down").isTrue();
    assertThat(holder.recalls).as("each of them waited").hasSizeGreaterThanOrEqualTo(all.size());
    assertThat(usersOf.values())
        .as("users of a thread, one thread after the other")
        .anySatisfy(shared -> assertThat(shared).hasSizeGreaterThan(1));
    assertWorkersAreTheServersOwn();
    for (int user = 0; user < USERS; user++) {
      for (int round = 0; round < ROUNDS; round++) {
        assertMadeBy(user, "f" + user + "-" + round);
        assertMadeBy(user, "d" + user + "-" + round);
      }
    }
  }

  /** A file of one of the users, which the holder has a delegation of. */
  private byte[] delegate(int index) throws IOException {
    String name = "delegated" + index;
    Path file = Files.createFile(server.export().resolve(name));
    if (PRIVILEGED) {
      Files.setAttribute(file, "unix:uid", FIRST_UID + index / ROUNDS);
    }
    DelegationPeer.Given given = holder.open(root, name, BOTH);
    assertThat(given.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
    return given.handle();
  }

  private void work(int user, int round, byte[] delegated) {
    assertThat(create(user, "f" + user + "-" + round)).isEqualTo("NFS4_OK");
    assertThat(open(user, "secret")).isEqualTo(PRIVILEGED ? "NFS4ERR_ACCESS" : "NFS4_OK");
    if (round == ROUNDS / 2) {
      CompoundReply broken =
          connections.get(user).call(mkdir(BROKEN + user).apply(session.next(USERS + user, false)));
      broken.sequenceOk();
      assertThat(broken.next(NfsOp4.OP_PUTFH)).isEqualTo("NFS4_OK");
      assertThat(broken.next(NfsOp4.OP_CREATE)).isEqualTo("NFS4ERR_SERVERFAULT");
    }
    assertThat(call(user, mkdir("d" + user + "-" + round), NfsOp4.OP_CREATE)).isEqualTo("NFS4_OK");
    assertThat(setMode(user, delegated)).as("its owner may").isEqualTo("NFS4_OK");
    assertThat(setMode((user + 1) % USERS, user, delegated))
        .as("others may not")
        .isEqualTo(PRIVILEGED ? "NFS4ERR_PERM" : "NFS4_OK");
  }

  // ---------------------------------------------------------------- calls

  /** As a user, on the slot that is that user's own. */
  private String call(int user, UnaryOperator<Compound> operation, int opcode) {
    return call(user, user, operation, opcode);
  }

  private String call(int user, int slot, UnaryOperator<Compound> operation, int opcode) {
    CompoundReply reply =
        slot == user
            ? connections.get(user).call(operation.apply(session.next(slot, false)))
            : asAnother(user, slot, operation);
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_PUTFH)).isEqualTo("NFS4_OK");
    return reply.next(opcode);
  }

  /** Over the connection of the slot's user, so that only the credential differs. */
  private CompoundReply asAnother(int user, int slot, UnaryOperator<Compound> operation) {
    Nfs41TestClient connection = connections.get(slot);
    connection.as(FIRST_UID + user);
    try {
      return connection.call(operation.apply(session.next(slot, false)));
    } finally {
      connection.as(new AuthSys().set(FIRST_UID + slot, FIRST_UID + slot, FIRST_UID + slot + 100));
    }
  }

  private UnaryOperator<Compound> mkdir(String name) {
    return c ->
        FileCalls.putFh(root)
            .apply(c)
            .op(
                NfsOp4.OP_CREATE,
                o -> {
                  o.int32(Nfs4Const.NF4DIR);
                  o.opaque(name.getBytes(UTF_8));
                  FileCalls.mode(0755).accept(o);
                });
  }

  private String create(int user, String name) {
    return call(user, open(user, name, BOTH, true), NfsOp4.OP_OPEN);
  }

  private String open(int user, String name) {
    return call(user, open(user, name, READ, false), NfsOp4.OP_OPEN);
  }

  private UnaryOperator<Compound> open(int user, String name, int access, boolean create) {
    return c ->
        FileCalls.putFh(root)
            .apply(c)
            .op(
                NfsOp4.OP_OPEN,
                o -> {
                  o.int32(0);
                  o.int32(access | PLAIN);
                  o.int32(DENY_NONE);
                  o.int64(4711);
                  o.opaque(("user " + user).getBytes(UTF_8));
                  if (create) {
                    FileCalls.unchecked(FileCalls.mode(0644)).accept(o);
                  } else {
                    o.int32(0);
                  }
                  FileCalls.claimName(name).accept(o);
                });
  }

  private String setMode(int user, byte[] handle) {
    return setMode(user, user, handle);
  }

  /** Waits as long as the delegation's holder takes. */
  private String setMode(int user, int slot, byte[] handle) {
    String status = "NFS4ERR_DELAY";
    while (status.equals("NFS4ERR_DELAY")) {
      status =
          call(
              user,
              slot,
              c ->
                  FileCalls.putFh(handle)
                      .apply(c)
                      .op(
                          NfsOp4.OP_SETATTR,
                          o -> {
                            Stateids.encode(o, Stateids.ANONYMOUS);
                            FileCalls.mode(0640).accept(o);
                          }),
              NfsOp4.OP_SETATTR);
    }
    return status;
  }

  // ---------------------------------------------------------------- what became of it

  private void assertMadeBy(int user, String name) throws IOException {
    Path made = server.export().resolve(name);
    int id = PRIVILEGED ? FIRST_UID + user : OWN;
    assertThat(Files.getAttribute(made, "unix:uid")).as(name).isEqualTo(id);
    if (PRIVILEGED) {
      assertThat(Files.getAttribute(made, "unix:gid")).as(name).isEqualTo(id);
    }
  }

  private static void assertWorkersAreTheServersOwn() throws IOException {
    List<String> self = identity(Path.of("/proc/self/status"));
    int workers = 0;
    try (var tasks = Files.list(Path.of("/proc/self/task"))) {
      for (Path task : tasks.toList()) {
        List<String> now = identity(task.resolve("status"));
        if (now.getFirst().startsWith("Name:\tnfs-")) {
          workers++;
          assertThat(now.subList(1, 3)).as(now.getFirst()).isEqualTo(self.subList(1, 3));
          assertThat(now.get(3)).as(now.getFirst()).isIn(self.get(3), "Groups:\t ");
        }
      }
    }
    assertThat(workers).as("threads looked at").isGreaterThanOrEqualTo(2);
  }

  /** Name; users; groups; further groups: real, effective, saved and that of the file system. */
  private static List<String> identity(Path status) throws IOException {
    try (var lines = Files.lines(status)) {
      return lines.filter(line -> line.matches("(Name|Uid|Gid|Groups):.*")).toList();
    } catch (java.nio.file.NoSuchFileException | java.io.UncheckedIOException e) {
      // The thread has ended in between.
      return List.of("");
    }
  }
}
