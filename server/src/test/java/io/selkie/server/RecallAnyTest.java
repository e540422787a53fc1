package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.CallbackChannel;
import io.selkie.layout.DelegationArbiter;
import io.selkie.layout.Holdings;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.LayoutEvents;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.RecallAny.Ask;
import io.selkie.server.RecallAny.Room;
import io.selkie.server.testing.ManualTime;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: clients are asked to give back in time, for enough, and none that holds little. */
class RecallAnyTest {

  private static final Room ROOM = new Room(1000, 100);

  @Test
  void nobodyIsAskedWhileThereIsRoom() {
    assertThat(RecallAny.asks(Map.of(1L, new Holdings(799, 0, 79)), ROOM)).isEmpty();
  }

  @Test
  void layoutsAndDelegationsAreAskedForApart() {
    assertThat(RecallAny.asks(Map.of(1L, new Holdings(800, 0, 79)), ROOM))
        .containsExactly(new Ask(1, 600, RecallAny.LAYOUTS));
    assertThat(RecallAny.asks(Map.of(1L, new Holdings(0, 0, 80)), ROOM))
        .containsExactly(new Ask(1, 60, RecallAny.DELEGATIONS));
  }

  @Test
  void whoHoldsLittleIsNotAsked() {
    Map<Long, Holdings> all =
        Map.of(
            1L, new Holdings(50, 0, 0), 2L, new Holdings(700, 0, 0), 3L, new Holdings(300, 0, 0));

    assertThat(RecallAny.asks(all, ROOM))
        .containsExactlyInAnyOrder(
            new Ask(2, 275, RecallAny.LAYOUTS), new Ask(3, 275, RecallAny.LAYOUTS));
  }

  @Property
  void whatAllMayKeepIsNoMoreThanIsWantedAndNearlyThat(
      @ForAll @Size(min = 1, max = 50) List<@IntRange(min = 0, max = 500) Integer> held,
      @ForAll @IntRange(min = 0, max = 5000) int goal) {
    List<Integer> ascending = held.stream().sorted().toList();
    int level = RecallAny.level(ascending, goal);

    long kept = held.stream().mapToLong(each -> Math.min(each, level)).sum();
    long all = held.stream().mapToLong(each -> each).sum();
    assertThat(kept).isLessThanOrEqualTo(goal);
    assertThat(kept).isGreaterThan(Math.min(all, goal) - held.size());
  }

  @Test
  void theWireHasCountAndMask() {
    XdrWriter out = new XdrWriter(ByteBuffer.allocate(64));
    RecallAny.encode(out, new Ask(1, 60, RecallAny.DELEGATIONS | RecallAny.LAYOUTS));
    XdrReader in = new XdrReader(out.buffer().flip());

    assertThat(in.int32()).isEqualTo(60);
    assertThat(in.int32()).as("words").isEqualTo(1);
    assertThat(in.int32()).isEqualTo(0x1003);
    assertThat(in.remaining()).isZero();
  }

  @Test
  void clientsAreAskedOnceAndAgainWhenTheyHaveHadTime() {
    ManualTime time = new ManualTime();
    List<Long> asked = new ArrayList<>();
    List<LayoutEvents.Event> seen = new ArrayList<>();
    RecallAny recallAny =
        new RecallAny(
            seen::add,
            (clientId, opcode, arguments, reply) -> {
              assertThat(opcode).isEqualTo(NfsCbOp4.OP_CB_RECALL_ANY);
              asked.add(clientId);
              reply.onReply(CallbackChannel.Outcome.ANSWERED, NfsStat4.NFS4_OK);
            },
            time,
            ROOM,
            Duration.ofSeconds(90),
            MemoryPressure.NONE);
    recallAny.on(event(Step.GRANTED));
    AtomicInteger layouts = new AtomicInteger(799);
    recallAny.attach(arbiterThatHolds(layouts));
    recallAny.on(event(Step.GRANTED));
    time.pass(1, TimeUnit.SECONDS);
    assertThat(asked).isEmpty();

    layouts.set(900);
    recallAny.on(event(Step.LAYOUT_RETURNED));
    time.pass(1, TimeUnit.SECONDS);
    assertThat(asked).as("only what is granted counts").isEmpty();
    recallAny.on(event(Step.GRANTED));
    recallAny.on(event(Step.GRANTED));
    assertThat(asked).as("not on the thread of the grant").isEmpty();
    time.pass(1, TimeUnit.SECONDS);
    recallAny.on(event(Step.GRANTED));
    time.pass(80, TimeUnit.SECONDS);
    assertThat(asked).containsExactly(7L);

    time.pass(20, TimeUnit.SECONDS);
    recallAny.on(event(Step.GRANTED));
    time.pass(1, TimeUnit.SECONDS);
    assertThat(asked).containsExactly(7L, 7L);
    assertThat(seen).hasSize(7);
  }

  /** Memory that is scarce when a test says so. */
  private static final class PlayedPressure implements MemoryPressure {
    private Runnable listener = () -> {};
    private boolean high;

    @Override
    public boolean isHigh() {
      return high;
    }

    @Override
    public void onHigh(Runnable newListener) {
      listener = newListener;
    }

    void rise() {
      high = true;
      listener.run();
    }
  }

  @Test
  void clientsAreAskedWhenMemoryIsScarceHoweverMuchRoomThereIsByNumber() {
    ManualTime time = new ManualTime();
    PlayedPressure memory = new PlayedPressure();
    List<Integer> keeps = new ArrayList<>();
    RecallAny recallAny =
        new RecallAny(
            event -> {},
            (clientId, opcode, arguments, reply) -> {
              XdrWriter out = new XdrWriter(ByteBuffer.allocate(64));
              arguments.accept(out);
              keeps.add(new XdrReader(out.buffer().flip()).int32());
              reply.onReply(CallbackChannel.Outcome.ANSWERED, NfsStat4.NFS4_OK);
            },
            time,
            ROOM,
            Duration.ofSeconds(90),
            memory);
    AtomicInteger layouts = new AtomicInteger(500);
    recallAny.attach(arbiterThatHolds(layouts));
    recallAny.on(event(Step.GRANTED));
    time.pass(1, TimeUnit.SECONDS);
    assertThat(keeps).as("half of what there may be").isEmpty();

    memory.rise();
    assertThat(keeps).as("not on the thread that tells").isEmpty();
    time.pass(1, TimeUnit.SECONDS);
    assertThat(keeps).containsExactly(300);
    memory.rise();
    time.pass(80, TimeUnit.SECONDS);
    assertThat(keeps).as("left in peace").containsExactly(300);

    layouts.set(300);
    time.pass(20, TimeUnit.SECONDS);
    assertThat(keeps).as("found so meanwhile").containsExactly(300, 180);
    layouts.set(400);
    time.pass(1000, TimeUnit.SECONDS);
    assertThat(keeps).as("no later collection has said so").containsExactly(300, 180);
    layouts.set(RecallAny.MANY - 1);
    memory.rise();
    time.pass(100, TimeUnit.SECONDS);
    assertThat(keeps).as("so few do not fill it").containsExactly(300, 180);
    memory.high = false;
    layouts.set(500);
    time.pass(1000, TimeUnit.SECONDS);
    assertThat(keeps).as("scarce no more").containsExactly(300, 180);
  }

  private static LayoutEvents.Event event(Step step) {
    return new LayoutEvents.Event(0, step, 0, null, "", 7, null, 0, "");
  }

  /** One client holds so many layouts; nothing else is asked of it. */
  private static LayoutArbiter arbiterThatHolds(AtomicInteger layouts) {
    return proxy(
        LayoutArbiter.class,
        Map.of(
            "layoutCount",
            layouts::get,
            "holdings",
            () -> Map.of(7L, new Holdings(layouts.get(), 0, 0)),
            "delegations",
            () -> proxy(DelegationArbiter.class, Map.of("delegationCount", () -> 0))));
  }

  private static <T> T proxy(Class<T> type, Map<String, Supplier<Object>> answers) {
    Object made =
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> answers.get(method.getName()).get());
    return type.cast(made);
  }
}
