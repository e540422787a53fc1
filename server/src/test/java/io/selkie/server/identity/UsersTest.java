package io.selkie.server.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.IdentityConfig;
import io.selkie.posix.NameService;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: users have the names that this machine gives them, and nobody waits for a slow answer. */
@Timeout(120)
class UsersTest {

  private final AtomicLong now = new AtomicLong();
  private final List<String> asked = new ArrayList<>();
  private final List<Runnable> due = new ArrayList<>();
  private boolean down;

  private final NameService service =
      new NameService() {
        private void ask(Object what) throws UnavailableException {
          asked.add(String.valueOf(what));
          if (down) {
            throw new UnavailableException("down");
          }
        }

        @Override
        public OptionalInt userNamed(String name) throws UnavailableException {
          ask(name);
          return name.equals("alice") ? OptionalInt.of(1000) : OptionalInt.empty();
        }

        @Override
        public OptionalInt groupNamed(String name) throws UnavailableException {
          ask(name);
          return name.equals("staff") ? OptionalInt.of(50) : OptionalInt.empty();
        }

        @Override
        public Optional<String> nameOfUser(int uid) throws UnavailableException {
          ask(uid);
          return uid == 1000 ? Optional.of("alice") : Optional.empty();
        }

        @Override
        public Optional<String> nameOfGroup(int gid) throws UnavailableException {
          ask(gid);
          return gid == 50 ? Optional.of("staff") : Optional.empty();
        }

        @Override
        public Optional<int[]> groupsOf(int uid) throws UnavailableException {
          ask(uid);
          return uid == 1000 ? Optional.of(new int[] {100, 50}) : Optional.empty();
        }
      };

  private Users users(IdentityConfig.Owners owners, Executor threads) {
    return new Users(
        new IdentityConfig(owners, Optional.of("example.org"), true, 60),
        "elsewhere",
        service,
        threads,
        now::get,
        (delayNanos, task) -> {
          due.add(task);
          return () -> due.remove(task);
        });
  }

  private Users users(IdentityConfig.Owners owners) {
    return users(owners, Runnable::run);
  }

  private static String text(Users users, int uid) {
    ByteBuffer buffer = ByteBuffer.allocate(256);
    XdrWriter out = new XdrWriter(buffer);
    users.encodeUser(out, uid);
    buffer.flip();
    return new XdrReader(buffer).utf8(255);
  }

  @Test
  void namesAreToldWhereThereAreSomeAndNumbersElsewhere() {
    Users users = users(IdentityConfig.Owners.NAMES);
    assertThat(text(users, 1000)).isEqualTo("alice@example.org");
    assertThat(text(users, 1001)).isEqualTo("1001");
    assertThat(text(users, -2)).isEqualTo("4294967294");
    assertThat(text(users(IdentityConfig.Owners.NUMBERS), 1000)).isEqualTo("1000");
  }

  @Test
  void namesAndNumbersAreUnderstoodInEitherCase() {
    for (IdentityConfig.Owners owners : IdentityConfig.Owners.values()) {
      Users users = users(owners);
      assertThat(users.user("alice@example.org")).isEqualTo(1000);
      assertThat(users.group("staff@example.org")).isEqualTo(50);
      assertThat(users.user("1000")).isEqualTo(1000);
      assertThat(users.user("4294967294")).isEqualTo(4294967294L);
      for (String wrong :
          new String[] {
            "", "alice", "@example.org", "alice@elsewhere", "nobody@example.org", "01"
          }) {
        assertThat(users.user(wrong)).as(wrong).isEqualTo(-NfsStat4.NFS4ERR_BADOWNER);
      }
    }
  }

  @Test
  void answersCountForAWhileAlsoThatThereIsNone() {
    Users users = users(IdentityConfig.Owners.NAMES);
    text(users, 1000);
    text(users, 1000);
    text(users, 7);
    text(users, 7);
    assertThat(asked).containsExactly("1000", "7");
    now.addAndGet(TimeUnit.SECONDS.toNanos(61));
    assertThat(text(users, 1000)).isEqualTo("alice@example.org");
    assertThat(asked).containsExactly("1000", "7", "1000");
  }

  @Test
  void whileTheServiceIsDownWhatIsKnownCountsAndTheRestIsNumbers() {
    Users users = users(IdentityConfig.Owners.NAMES);
    text(users, 1000);
    down = true;
    now.addAndGet(TimeUnit.SECONDS.toNanos(61));
    assertThat(text(users, 1000)).isEqualTo("alice@example.org");
    assertThat(text(users, 5)).isEqualTo("5");
    assertThat(users.user("bob@example.org")).isEqualTo(-NfsStat4.NFS4ERR_DELAY);
    down = false;
    assertThat(users.user("bob@example.org")).isEqualTo(-NfsStat4.NFS4ERR_BADOWNER);
  }

  @Test
  void nobodyWaitsLongForAServiceThatHangs() {
    Users users = users(IdentityConfig.Owners.NAMES, task -> {});
    assertThat(text(users, 1000)).isEqualTo("1000");
    assertThat(users.user("alice@example.org")).isEqualTo(-NfsStat4.NFS4ERR_DELAY);
  }

  @Test
  void listOfManyNamesCostsOneWaitOnly() {
    Users users = users(IdentityConfig.Owners.NAMES, task -> {});
    // A second for each would be more than this test may take.
    for (int uid = 1; uid <= 200; uid++) {
      assertThat(text(users, uid)).isEqualTo(Integer.toString(uid));
    }
  }

  @Test
  void groupsAreLookedUpOnce() {
    Users users = users(IdentityConfig.Owners.NUMBERS);
    assertThat(users.knownGroups(1000)).isNull();
    assertThat(users.askGroups(1000)).isCompleted();
    assertThat(users.knownGroups(1000).orElseThrow()).containsExactly(100, 50);
    assertThat(users.askGroups(1)).as("no such user").isCompleted();
    assertThat(users.knownGroups(1)).isEmpty();
    down = true;
    assertThat(users.askGroups(2)).as("to be tried later").isCompletedExceptionally();
    assertThat(users.knownGroups(2)).isNull();
  }

  @Test
  void whoAsksAboutVeryManyPushesOutAFewAnswersNotAll() {
    Users users = users(IdentityConfig.Owners.NUMBERS);
    int many = Lookups.KEPT_MAX + 1;
    for (int uid = 0; uid < many; uid++) {
      assertThat(users.askGroups(uid)).isCompleted();
    }
    long kept = IntStream.range(0, many).filter(uid -> users.knownGroups(uid) != null).count();
    assertThat(kept).isBetween(Lookups.KEPT_MAX - 100L, (long) Lookups.KEPT_MAX);
  }

  @Test
  void groupsAreWaitedForAWhileOnlyAndNotByWhoIsTooMany() {
    List<Runnable> queued = new ArrayList<>();
    Users users = users(IdentityConfig.Owners.NUMBERS, queued::add);
    CompletableFuture<Void> slow = users.askGroups(1000);
    assertThat(slow).isNotDone();
    List.copyOf(due).forEach(Runnable::run);
    assertThat(slow).isCompletedExceptionally();
    CompletableFuture<Void> quick = users.askGroups(1000);
    queued.forEach(Runnable::run);
    assertThat(quick).isCompleted();
    assertThat(due).isEmpty();
    assertThat(users.knownGroups(1000).orElseThrow()).containsExactly(100, 50);

    Users full =
        users(
            IdentityConfig.Owners.NUMBERS,
            task -> {
              throw new RejectedExecutionException("full");
            });
    assertThat(full.askGroups(1000)).isCompletedExceptionally();
  }

  @Test
  void domainIsWhatTheMachinesFilesSay(@TempDir Path directory) throws Exception {
    Path host = Files.writeString(directory.resolve("hostname"), "box.example.net\n");
    Path resolver =
        Files.writeString(directory.resolve("resolv.conf"), "# x\nsearch corp.example. b\n");
    assertThat(MachineDomain.of(host, resolver)).isEqualTo("example.net");
    Files.writeString(host, "box\n");
    assertThat(MachineDomain.of(host, resolver)).isEqualTo("corp.example");
    Files.writeString(resolver, "nameserver 192.0.2.1\n");
    assertThat(MachineDomain.of(host, resolver)).isEqualTo("localdomain");
    assertThat(MachineDomain.of(directory.resolve("none"), directory.resolve("none")))
        .isEqualTo("localdomain");
  }
}
