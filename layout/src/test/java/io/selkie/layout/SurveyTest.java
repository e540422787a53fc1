package io.selkie.layout;

import static io.selkie.layout.Rig.KB4;
import static io.selkie.layout.Rig.MB;
import static io.selkie.layout.Rig.SECOND;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.selkie.layout.LayoutEvents.Step;
import io.selkie.layout.LayoutSurvey.DelegationView;
import io.selkie.layout.LayoutSurvey.LayoutPhase;
import io.selkie.layout.LayoutSurvey.LayoutView;
import io.selkie.layout.LayoutSurvey.SealView;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.SealState;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What administrators see, and what they take by force. */
class SurveyTest {

  private static final OptionalLong ALL = OptionalLong.empty();

  private final Rig rig = new Rig();
  private final FakeSealer.File file = rig.file().data(0, MB);
  private final FakeSealer.File other = rig.file().data(0, MB);

  private List<LayoutView> layouts() {
    return list(rig.arbiter.survey().layouts(_ -> true, ALL));
  }

  private List<SealView> seals() {
    return list(rig.arbiter.survey().seals(_ -> true));
  }

  private List<DelegationView> delegations() {
    return list(rig.arbiter.survey().delegations(_ -> true, ALL));
  }

  private static <T> List<T> list(Iterator<T> iterator) {
    List<T> all = new ArrayList<>();
    iterator.forEachRemaining(all::add);
    return all;
  }

  private static RecallFilter filter(long client, FakeSealer.File of) {
    return new RecallFilter(
        client == 0 ? OptionalLong.empty() : OptionalLong.of(client),
        Optional.ofNullable(of).map(FakeSealer.File::identity),
        OptionalLong.empty());
  }

  @Test
  void nothingIsHeldAtFirst() {
    assertThat(layouts()).isEmpty();
    assertThat(seals()).isEmpty();
    assertThat(delegations()).isEmpty();
    assertThatThrownBy(() -> rig.arbiter.survey().seals(_ -> true).next())
        .isInstanceOf(NoSuchElementException.class);
    assertThat(LayoutSurvey.EMPTY.seals(_ -> true)).isExhausted();
  }

  @Test
  void layoutsAreToldWithWhoHoldsThemAndHowFarTheyAre() {
    var granted = rig.get(file).range(0, 64 * KB4).granted();
    rig.get(other).client(2).rw().granted();

    assertThat(layouts()).hasSize(2);
    LayoutView first = list(rig.arbiter.survey().layouts(file.identity()::equals, ALL)).getFirst();
    assertThat(first.clientId()).isEqualTo(1);
    assertThat(first.file()).isEqualTo(file.identity());
    assertThat(first.stateid()).isEqualTo(granted.stateid());
    assertThat(first.offset()).isZero();
    assertThat(first.length()).isEqualTo(64 * KB4);
    assertThat(first.phase()).isEqualTo(LayoutPhase.GRANTED);
    assertThat(first.handles()).isOne();
    assertThat(first.recall()).isEmpty();
    assertThat(list(rig.arbiter.survey().layouts(_ -> true, OptionalLong.of(2))))
        .extracting(LayoutView::file)
        .containsExactly(other.identity());
  }

  @Test
  void recallIsToldWithItsIdCauseAndTheTimeThatIsLeft() {
    rig.get(file).granted();
    rig.breakLease(file);
    rig.time.advance(SECOND);

    LayoutView view = layouts().getFirst();
    assertThat(view.phase()).isEqualTo(LayoutPhase.RECALLED);
    LayoutSurvey.RecallView recall = view.recall().orElseThrow();
    assertThat(recall.cause()).isEqualTo(RecallCause.KERNEL_LEASE_BREAK);
    assertThat(recall.id()).isPositive();
    assertThat(recall.remainingNanos()).isEqualTo(9 * SECOND);
    SealView seal = seals().getFirst();
    assertThat(seal.phase()).isEqualTo("recalling");
    assertThat(seal.recall()).contains(recall);
    assertThat(seal.clients()).isOne();
    assertThat(seal.layoutParts()).isOne();
  }

  @Test
  void sealIsToldAsLongAsThereIsOne() {
    var granted = rig.get(file).granted();
    SealView seal = seals().getFirst();
    assertThat(seal.phase()).isEqualTo("sealed");
    assertThat(seal.state()).contains(SealState.HELD);
    assertThat(seal.handles()).isOne();
    assertThat(seal.recall()).isEmpty();

    rig.giveBack(file, 1, granted.stateid());
    rig.work();
    assertThat(seals()).isEmpty();
    assertThat(layouts()).isEmpty();
  }

  @Test
  void delegationsAreTold() {
    var granted = rig.wish(file).granted();
    DelegationView view = delegations().getFirst();
    assertThat(view.stateid()).isEqualTo(granted.stateid());
    assertThat(view.type()).isEqualTo(DelegationType.READ);
    assertThat(view.phase()).isEqualTo("granted");
    assertThat(seals()).extracting(SealView::delegations).containsExactly(1);
    assertThat(list(rig.arbiter.survey().delegations(_ -> true, OptionalLong.of(2)))).isEmpty();

    var _ = rig.arbiter.recall(filter(1, null), RecallCause.ADMINISTRATIVE);
    assertThat(delegations().getFirst().recall().orElseThrow().cause())
        .isEqualTo(RecallCause.ADMINISTRATIVE);
  }

  @Test
  void whatStaysDuringAWalkIsInItOnceAndNoLockIsHeldBetweenSteps() {
    Rig many = new Rig();
    List<FakeSealer.File> files = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      files.add(many.file().data(0, MB));
      many.get(files.getLast()).granted();
    }
    Set<FileIdentity> seen = new HashSet<>();
    Iterator<LayoutView> walk = many.arbiter.survey().layouts(_ -> true, ALL);
    for (int i = 0; i < 20; i++) {
      assertThat(seen.add(walk.next().file())).isTrue();
    }
    // Between two steps everything goes on: one that was seen goes, and one that was not.
    FakeSealer.File gone =
        files.stream().filter(f -> !seen.contains(f.identity())).findFirst().orElseThrow();
    many.get(many.file().data(0, MB)).granted();
    many.breakLease(gone);
    many.time.advance(20 * SECOND);
    many.work();
    walk.forEachRemaining(view -> assertThat(seen.add(view.file())).isTrue());
    assertThat(seen).hasSizeBetween(39, 41);
    assertThat(seen)
        .containsAll(
            files.stream()
                .map(FakeSealer.File::identity)
                .filter(f -> !f.equals(gone.identity()))
                .toList());
  }

  @Test
  void manyLayoutsOfOneFileComeInSeveralSteps() {
    for (int i = 0; i < 190; i++) {
      rig.get(file).client(1 + i % 4).range((i % 64) * KB4, KB4).granted();
    }
    assertThat(layouts()).hasSize(190);
    Iterator<LayoutView> walk = rig.arbiter.survey().layouts(_ -> true, ALL);
    walk.next();
    rig.breakLease(file);
    rig.time.advance(20 * SECOND);
    rig.work();
    assertThat(list(walk)).as("what was not read yet and is dead is left out").hasSizeLessThan(190);
  }

  @Test
  void fenceOfAClientTakesWhatItHoldsAndNothingElse() {
    var taken = rig.get(file).granted().stateid();
    rig.get(file).client(2).granted();
    rig.get(other).granted();
    rig.events.clear();

    var done = rig.arbiter.fence(filter(1, file), RecallCause.ADMINISTRATIVE).toCompletableFuture();
    rig.work();

    assertThat(done).isCompleted();
    assertThat(rig.sent).as("nobody is asked").isEmpty();
    assertThat(rig.steps()).contains(Step.FENCE_BEGUN, Step.HANDLE_INVALIDATED);
    assertThat(layouts())
        .extracting(LayoutView::clientId, LayoutView::file)
        .containsExactlyInAnyOrder(tuple(2L, file.identity()), tuple(1L, other.identity()));
    assertThat(rig.arbiter.testStateid(1, taken)).isEqualTo(NFS4ERR_DELEG_REVOKED);
    assertThat(rig.arbiter.hasRevokedState(1)).isTrue();
    assertThat(rig.arbiter.freeStateid(1, taken)).isEqualTo(NFS4_OK);
  }

  /** Who follows a fence by its number finds its end, whatever else was asked of the client. */
  @Test
  void fencedHandleDiesByTheFencesNumberNotByThatOfARecallBefore() {
    rig.get(file).granted();
    rig.get(file).client(2).granted();
    rig.get(other).granted();
    rig.arbiter.recall(filter(0, file), RecallCause.ADMINISTRATIVE);
    rig.work();
    rig.events.clear();

    rig.arbiter.fence(filter(1, file), RecallCause.ADMINISTRATIVE);
    rig.arbiter.leaseOver(2);
    rig.breakLease(other, BreakCause.AUDIT_DIFFERENCE);
    rig.work();

    for (var client :
        List.of(
            tuple(1L, file.identity()), tuple(2L, file.identity()), tuple(1L, other.identity()))) {
      List<LayoutEvents.Event> ends =
          rig.events.stream()
              .filter(event -> client.equals(tuple(event.clientId(), event.file())))
              .filter(event ->
                  event.step() == Step.FENCE_BEGUN || event.step() == Step.HANDLE_INVALIDATED)
              .toList();
      assertThat(ends)
          .extracting(LayoutEvents.Event::step)
          .containsExactly(Step.FENCE_BEGUN, Step.HANDLE_INVALIDATED);
      assertThat(ends.getFirst().recallId()).isNotZero();
      assertThat(ends.getLast().recallId()).isEqualTo(ends.getFirst().recallId());
      assertThat(ends.getLast().cause()).isEqualTo(ends.getFirst().cause());
    }
  }

  @Test
  void sealThatGoesBecauseOfAFenceGoesByItsNumber() {
    rig.get(file).granted();
    rig.events.clear();

    rig.arbiter.fence(filter(1, file), RecallCause.ADMINISTRATIVE);
    rig.work();

    assertThat(rig.steps())
        .containsExactly(Step.FENCE_BEGUN, Step.HANDLE_INVALIDATED, Step.SEAL_RELEASED);
    assertThat(rig.events).extracting(LayoutEvents.Event::recallId).doesNotContain(0L);
    assertThat(rig.events)
        .extracting(LayoutEvents.Event::recallId)
        .containsOnly(rig.events.getFirst().recallId());
    assertThat(rig.events.getLast().cause()).isEqualTo(RecallCause.ADMINISTRATIVE);
  }

  @Test
  void sealThatOutlivesARecallDoesNotGoByItsNumber() {
    Stateid4 first = rig.get(file).granted().stateid();
    Stateid4 second = rig.get(file).client(2).granted().stateid();
    rig.arbiter.recall(filter(1, file), RecallCause.ADMINISTRATIVE);
    rig.work();
    assertThat(rig.giveBack(file, 1, first).status()).isEqualTo(NFS4_OK);
    assertThat(rig.isSealed(file)).isTrue();
    rig.events.clear();

    assertThat(rig.giveBack(file, 2, second).status()).isEqualTo(NFS4_OK);
    rig.work();

    assertThat(rig.steps()).endsWith(Step.SEAL_RELEASED);
    assertThat(rig.events).extracting(LayoutEvents.Event::recallId).containsOnly(0L);
    assertThat(rig.events.getLast().cause()).isNull();
  }

  @Test
  void fenceOfAFileTakesItsSealTooAndIsOverWhenTheLastAccessIs() {
    rig.get(file).granted();
    rig.get(file).client(2).granted();
    rig.rdma.slowPeers = true;

    var done = rig.arbiter.fence(filter(0, file), RecallCause.ADMINISTRATIVE).toCompletableFuture();
    rig.work();
    assertThat(done).isNotDone();
    assertThat(layouts()).extracting(LayoutView::phase).containsOnly(LayoutPhase.FENCING);

    List.copyOf(rig.rdma.invalidating()).forEach(region -> region.dead.complete(null));
    rig.work();
    assertThat(done).isCompleted();
    rig.assertNothingIsLeft(file);
  }

  @Test
  void fenceTakesDelegations() {
    var held = rig.wish(file).granted().stateid();
    var done = rig.arbiter.fence(filter(1, null), RecallCause.ADMINISTRATIVE).toCompletableFuture();
    rig.work();
    assertThat(done).isCompleted();
    assertThat(delegations()).isEmpty();
    assertThat(rig.recalls).as("nobody is asked").isEmpty();
    assertThat(rig.arbiter.testStateid(1, held)).isEqualTo(NFS4ERR_DELEG_REVOKED);
  }

  @Test
  void fenceDuringARecallEndsTheRecall() {
    rig.get(file).granted();
    var recalled =
        rig.arbiter.recall(filter(1, file), RecallCause.ADMINISTRATIVE).toCompletableFuture();
    assertThat(recalled).isNotDone();
    var _ = rig.arbiter.fence(filter(1, file), RecallCause.ADMINISTRATIVE);
    rig.work();
    assertThat(recalled).isCompleted();
    rig.assertNothingIsLeft(file);
    assertThat(rig.time.timers()).as("no timer is left").isZero();
  }

  @Test
  void fenceOfWhatNobodyHoldsIsOverAtOnce() {
    assertThat(rig.arbiter.fence(filter(7, null), RecallCause.ADMINISTRATIVE).toCompletableFuture())
        .isCompleted();
    assertThat(rig.arbiter.fence(filter(0, file), RecallCause.ADMINISTRATIVE).toCompletableFuture())
        .isCompleted();
  }
}
