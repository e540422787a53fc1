package io.selkie.server;

import io.selkie.config.time.Timers;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.layout.Holdings;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.LayoutEvents;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks clients to give back some layouts or delegations, of their own choice, before there is room
 * for no more (CB_RECALL_ANY, RFC 8881 section 20.6): at four fifths of what there may be, down to
 * three fifths of that; or when memory is scarce, down to three fifths of what there is, and again
 * when a later collection finds it so. Who holds more than the others is asked first. Who gives
 * nothing back is asked again after a while and keeps what it has; it is new requests that are
 * refused at the limit.
 *
 * <p>Sees each grant go by on its way to the next observer. Safe for use by several threads.
 */
final class RecallAny implements LayoutEvents {

  /** Reaches a client. */
  @FunctionalInterface
  interface Caller {
    /** As {@link io.selkie.server.session.SessionManager#callBack}. */
    void call(long clientId, int opcode, Consumer<XdrWriter> arguments, RecallReply reply);
  }

  /**
   * How many there may be.
   *
   * @param layouts of all clients together
   * @param delegations of all clients together
   */
  record Room(int layouts, int delegations) {}

  /**
   * What is said to one client.
   *
   * @param keep craa_objects_to_keep
   * @param mask craa_type_mask, its first word
   */
  record Ask(long clientId, int keep, int mask) {}

  /** RCA4_TYPE_MASK_RDATA_DLG and RCA4_TYPE_MASK_WDATA_DLG. */
  static final int DELEGATIONS = 1 | 1 << 1;

  /** RCA4_TYPE_MASK_OTHER_LAYOUT_MIN: layouts of types that the RFC does not know. */
  static final int LAYOUTS = 1 << 12;

  private static final Logger LOG = LoggerFactory.getLogger(RecallAny.class);

  /** Fewer of a kind are not what fills the memory. */
  static final int MANY = 100;

  private final LayoutEvents next;
  private final Caller caller;
  private final Timers timers;
  private final Room room;
  private final Duration pause;
  private final MemoryPressure memory;
  private final AtomicBoolean resting = new AtomicBoolean();

  /** Told so since clients were last asked: what was measured before says nothing of now. */
  private final AtomicBoolean scarcity = new AtomicBoolean();

  private volatile LayoutArbiter arbiter;

  /**
   * Creates one that sees nothing yet: {@link #attach}.
   *
   * @param next sees all events too
   * @param pause how long clients are left in peace when they were asked
   */
  RecallAny(
      LayoutEvents next,
      Caller caller,
      Timers timers,
      Room room,
      Duration pause,
      MemoryPressure memory) {
    this.next = next;
    this.caller = caller;
    this.timers = timers;
    this.room = room;
    this.pause = pause;
    this.memory = memory;
  }

  /** To be called once, before the first request. */
  void attach(LayoutArbiter newArbiter) {
    arbiter = newArbiter;
    memory.onHigh(this::isScarce);
  }

  private void isScarce() {
    scarcity.set(true);
    begin();
  }

  @Override
  public void on(Event event) {
    next.on(event);
    LayoutArbiter now = arbiter;
    if (now != null
        && (event.step() == Step.GRANTED || event.step() == Step.DELEGATED)
        && (isTight(now.layoutCount(), room.layouts())
            || isTight(now.delegations().delegationCount(), room.delegations()))) {
      begin();
    }
  }

  private void begin() {
    if (resting.compareAndSet(false, true)) {
      timers.schedule(0, this::ask);
    }
  }

  private static boolean isTight(int held, int max) {
    return held >= max - max / 5;
  }

  private void ask() {
    timers.schedule(pause.toNanos(), this::rested);
    Map<Long, Holdings> all = arbiter.holdings();
    boolean scarce = scarcity.getAndSet(false) && memory.isHigh();
    List<Ask> asks = asks(all, scarce ? lessThanThereIs(all) : room);
    LOG.info(
        "{} clients are asked to give back layouts or delegations, as {}: {}",
        asks.size(),
        scarce ? "memory is scarce" : "there are many",
        asks);
    for (Ask ask : asks) {
      caller.call(
          ask.clientId(),
          NfsCbOp4.OP_CB_RECALL_ANY,
          out -> encode(out, ask),
          (outcome, status) -> {
            if (status != NfsStat4.NFS4_OK) {
              LOG.debug("{}: {} {}", ask, outcome, NfsStat4.name(status));
            }
          });
    }
  }

  private void rested() {
    resting.set(false);
    if (scarcity.get() && memory.isHigh()) {
      begin();
    }
  }

  /** Room for just what is there, so that some of it is asked for; but of few there is no use. */
  private Room lessThanThereIs(Map<Long, Holdings> all) {
    return new Room(
        lessThan(all, Holdings::layouts, room.layouts()),
        lessThan(all, Holdings::delegations, room.delegations()));
  }

  private static int lessThan(Map<Long, Holdings> all, ToIntFunction<Holdings> of, int max) {
    int held = all.values().stream().mapToInt(of).sum();
    return held < MANY ? max : Math.min(held, max);
  }

  /** Writes CB_RECALL_ANY4args. */
  static void encode(XdrWriter out, Ask ask) {
    out.int32(ask.keep());
    Bitmap4 mask = new Bitmap4();
    for (int bit = 0; bit < Integer.SIZE; bit++) {
      if ((ask.mask() & 1 << bit) != 0) {
        mask.set(bit);
      }
    }
    mask.encode(out);
  }

  /** The policy: whom to ask for what. */
  static List<Ask> asks(Map<Long, Holdings> all, Room room) {
    List<Ask> asks = new ArrayList<>();
    add(asks, all, Holdings::layouts, room.layouts(), LAYOUTS);
    add(asks, all, Holdings::delegations, room.delegations(), DELEGATIONS);
    return asks;
  }

  private static void add(
      List<Ask> asks, Map<Long, Holdings> all, ToIntFunction<Holdings> of, int max, int mask) {
    List<Integer> held = all.values().stream().map(of::applyAsInt).sorted().toList();
    if (!isTight(held.stream().mapToInt(Integer::intValue).sum(), max)) {
      return;
    }
    int keep = level(held, max / 5L * 3);
    all.forEach((clientId, holdings) -> {
      if (of.applyAsInt(holdings) > keep) {
        asks.add(new Ask(clientId, keep, mask));
      }
    });
  }

  /**
   * How many each may keep so that all together have no more than so many: those with few lose
   * nothing.
   *
   * @param held by each, ascending
   */
  static int level(List<Integer> held, long goal) {
    long left = goal;
    int others = held.size();
    for (int each : held) {
      if ((long) each * others > left) {
        return (int) (left / others);
      }
      left -= each;
      others--;
    }
    return Integer.MAX_VALUE;
  }
}
