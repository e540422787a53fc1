package io.selkie.server.session;

import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.server.session.SlotBudget.Pressure;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks sessions for slots back when too many are promised: by CB_RECALL_SLOT (RFC 8881 section
 * 20.8) where there is a back channel, and in any case by sr_target_highest_slotid. At most once a
 * second, off the threads of requests. Safe for use by several threads.
 */
final class SlotReview {

  /** What a session keeps however little it uses, so that it can work at once when it wants to. */
  static final int KEPT_MIN = 4;

  /** What a new session gets at most while there is pressure. */
  static final int NEW_SESSION_MAX = 8;

  private static final Logger LOG = LoggerFactory.getLogger(SlotReview.class);
  private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final SlotBudget budget;
  private final Collection<Session> sessions;
  private final Timers timers;
  private final AtomicBoolean pending = new AtomicBoolean();

  /**
   * Creates one.
   *
   * @param sessions all that there are, as they come and go
   */
  SlotReview(SlotBudget budget, Collection<Session> sessions, Timers timers) {
    this.budget = budget;
    this.sessions = sessions;
    this.timers = timers;
  }

  /**
   * How many slots a session should use.
   *
   * @param target how many it may use now
   * @param peak how many it has used lately
   */
  static int wanted(Pressure pressure, int target, int peak) {
    int used = Math.max(KEPT_MIN, peak);
    return switch (pressure) {
      case NONE -> target;
      case SOME -> Math.min(target, used);
      case HIGH -> Math.min(target, Math.max(KEPT_MIN, Math.min(used, target / 2)));
    };
  }

  /**
   * How many slots a new session may have at first. When there are not as many as it wants, half of
   * what is left, so that there is something for others; and when little is left one, so that
   * thousands still find one when those before them give none back.
   *
   * @param affordable how many are left
   */
  static int atFirst(Pressure pressure, int wanted, long affordable) {
    long fair = affordable >= wanted ? wanted : Math.max(affordable / 2, Math.min(1, affordable));
    long most =
        switch (pressure) {
          case NONE -> fair;
          case SOME -> Math.min(fair, NEW_SESSION_MAX);
          case HIGH -> Math.min(fair, 1);
        };
    return (int) Math.min(wanted, most);
  }

  /** Something was promised: looks after it in a second if there is pressure. */
  void promised() {
    if (budget.pressure() != Pressure.NONE && pending.compareAndSet(false, true)) {
      timers.schedule(INTERVAL_NANOS, this::review);
    }
  }

  private void review() {
    pending.set(false);
    Pressure pressure = budget.pressure();
    if (pressure == Pressure.NONE) {
      return;
    }
    int asked = 0;
    for (Session session : sessions) {
      SlotTable slots = session.slots();
      int target = wanted(pressure, slots.target(), slots.takePeak());
      if (slots.lower(target)) {
        asked++;
        recall(session, target - 1);
      }
    }
    LOG.info("reply caches are nearly promised out: {} sessions are asked for slots back", asked);
  }

  private static void recall(Session session, int highestSlotId) {
    if (session.backChannel().isUp()) {
      session
          .backChannel()
          .submit(
              new Callback(
                  NfsCbOp4.OP_CB_RECALL_SLOT,
                  List.of(),
                  out -> out.int32(highestSlotId),
                  (outcome, status) ->
                      LOG.debug("CB_RECALL_SLOT to {}: {} {}", session.id(), outcome, status)));
    }
  }
}
