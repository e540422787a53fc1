package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.ConnectOptions;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.WorkStatus;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/**
 * Goal: every length at every offset arrives, and nothing beside it changes.
 *
 * <p>Method: random writes and reads over one real connection, each checked against a model of the
 * whole region.
 */
class AnySizeAndOffsetTest {

  private static final int BYTES = Server.REGION_BYTES;

  /** One connection for all tries; made by the container, not shared with other tests. */
  private record Fixture(
      Server server,
      IwarpProvider client,
      QueuePair pair,
      MemorySegment local,
      MemoryRegion localRegion,
      MemorySegment model) {}

  private static final java.util.concurrent.atomic.AtomicReference<Fixture> FIXTURE =
      new java.util.concurrent.atomic.AtomicReference<>();

  @BeforeContainer
  static void start() throws Exception {
    Server server = new Server();
    IwarpProvider client = new IwarpProvider(IwarpConfig.DEFAULTS);
    var domain = client.allocateProtectionDomain("client");
    MemorySegment local = server.arena.allocate(BYTES);
    FIXTURE.set(
        new Fixture(
            server,
            client,
            client.connect(
                server.address(),
                domain,
                new ConnectOptions(ByteBuffer.allocate(0), 8, 8, 0, 60_000)),
            local,
            domain.register(local, Set.of()),
            MemorySegment.ofArray(server.contents(0, BYTES))));
  }

  @AfterContainer
  static void stop() {
    Fixture fixture = FIXTURE.getAndSet(null);
    fixture.client().close();
    fixture.server().close();
  }

  @Property(tries = 400)
  void lengthsAndOffsets(
      @ForAll @IntRange(min = 0, max = 200_000) int length,
      @ForAll @IntRange(min = 0, max = BYTES - 200_000) int there,
      @ForAll @IntRange(min = 0, max = BYTES - 200_000) int here,
      @ForAll long seed)
      throws Exception {
    Fixture f = FIXTURE.get();
    byte[] fresh = new byte[length];
    new SplittableRandom(seed).nextBytes(fresh);
    MemorySegment part = f.local().asSlice(here, length);
    part.copyFrom(MemorySegment.ofArray(fresh));
    run(
        f,
        f.pair()
            .postWriteAndConfirm(
                f.localRegion(), part, f.server().key(), f.server().base() + there, 1));
    f.model().asSlice(there, length).copyFrom(MemorySegment.ofArray(fresh));
    assertThat(f.server().memory.mismatch(f.model())).isEqualTo(-1);
    part.fill((byte) 0);
    run(
        f,
        f.pair().postRead(f.localRegion(), part, f.server().key(), f.server().base() + there, 1));
    assertThat(part.mismatch(MemorySegment.ofArray(fresh))).isEqualTo(-1);
  }

  private static void run(Fixture f, QueuePair.PostResult posted) throws InterruptedException {
    assertThat(posted).isEqualTo(QueuePair.PostResult.POSTED);
    int given =
        f.pair()
            .completions()
            .await(
                (id, status) -> assertThat(status).isEqualTo(WorkStatus.SUCCESS),
                1,
                60_000_000_000L);
    assertThat(given).isEqualTo(1);
  }
}
