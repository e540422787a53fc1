package io.selkie.server.identity;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.ClientRule.Squash;
import io.selkie.config.IdentityConfig;
import io.selkie.posix.FsUser;
import io.selkie.posix.NameService;
import io.selkie.server.identity.ExportAccess.Grant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

/**
 * Goal: with {@code identity.manageGroups} nobody gets rights that neither the machine nor the
 * export's rules give. Method: a name service that is played.
 */
class ManagedUserTest {

  private static final int NOBODY = 65_534;
  private static final int USER = 1000;
  private static final int CLAIMED = 7100;
  private static final int CLAIMED_TOO = 7101;

  private final Map<Integer, int[]> groups = new HashMap<>();
  private boolean down;

  private final NameService service =
      new NameService() {
        @Override
        public OptionalInt userNamed(String name) {
          throw new AssertionError(name);
        }

        @Override
        public OptionalInt groupNamed(String name) {
          throw new AssertionError(name);
        }

        @Override
        public Optional<String> nameOfUser(int uid) {
          throw new AssertionError(uid);
        }

        @Override
        public Optional<String> nameOfGroup(int gid) {
          throw new AssertionError(gid);
        }

        @Override
        public Optional<int[]> groupsOf(int uid) throws UnavailableException {
          if (down) {
            throw new UnavailableException("down");
          }
          return Optional.ofNullable(groups.get(uid)).map(int[]::clone);
        }
      };

  private final Users users =
      new Users(
          new IdentityConfig(IdentityConfig.Owners.NUMBERS, Optional.empty(), true, 60),
          "example.org",
          service,
          Runnable::run,
          () -> 0,
          (delayNanos, task) -> () -> true);

  private static ManagedUser managed(Squash squash) {
    Grant grant = new Grant(false, squash, NOBODY, NOBODY, List.of());
    return new ManagedUser(FsUser.of(USER, CLAIMED, CLAIMED, CLAIMED_TOO), grant);
  }

  /** As an operation does: waits once, and then takes what there is. */
  private FsUser lookedUp(ManagedUser managed) {
    CompletionStage<?> asked = managed.lookUp(users, true);
    if (asked != null) {
      assertThat(asked.toCompletableFuture()).isCompleted();
      assertThat(managed.lookUp(users, false)).isNull();
    }
    return managed.user();
  }

  @Test
  void groupOfRootThatIsLookedUpIsSquashedAsAClaimWouldBe() {
    groups.put(USER, new int[] {0, 50});
    assertThat(lookedUp(managed(Squash.ROOT))).isEqualTo(FsUser.of(USER, NOBODY, 50));
    assertThat(lookedUp(managed(Squash.NONE))).isEqualTo(FsUser.of(USER, 0, 50));
    groups.put(USER + 1, new int[] {50, 0});
    Grant grant = new Grant(false, Squash.ROOT, NOBODY, NOBODY, List.of());
    assertThat(lookedUp(new ManagedUser(FsUser.of(USER + 1, 50), grant)))
        .isEqualTo(FsUser.of(USER + 1, 50, NOBODY));
  }

  @Test
  void groupThatTheRequestNamesFirstCountsForAMember() {
    groups.put(USER, new int[] {50, CLAIMED});
    assertThat(lookedUp(managed(Squash.ROOT))).isEqualTo(FsUser.of(USER, CLAIMED, 50));
  }

  @Test
  void whomTheMachineDoesNotKnowHasNoneOfTheGroupsItClaims() {
    assertThat(lookedUp(managed(Squash.ROOT))).isEqualTo(FsUser.of(USER, NOBODY));
  }

  @Test
  void whileTheServiceIsDownNobodyHasTheGroupsItClaims() {
    down = true;
    ManagedUser managed = managed(Squash.ROOT);
    assertThat(managed.lookUp(users, true).toCompletableFuture()).isCompletedExceptionally();
    assertThat(managed.lookUp(users, false)).isNull();
    assertThat(managed.user()).isEqualTo(FsUser.of(USER, NOBODY));
    down = false;
    groups.put(USER, new int[] {50});
    assertThat(lookedUp(managed)).isEqualTo(FsUser.of(USER, 50));
  }
}
