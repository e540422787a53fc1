package io.selkie.rdma.iwarp;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.iwarp.IwarpConnection.Signal;
import io.selkie.rdma.iwarp.IwarpConnection.State;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * Goal: no octets a peer can send do anything but what the protocol defines: they are taken, or the
 * connection ends by its rules. Memory stays bounded.
 *
 * <p>Method: random streams, and valid ones that are mutated, cut and chopped in any way, through
 * the engine without a socket.
 */
class DecoderFuzzTest {

  private static final Arena ARENA = Arena.ofShared();
  private static final IwarpProvider PROVIDER =
      new IwarpProvider(IwarpConfig.DEFAULTS, System::nanoTime, new SplittableRandom(42));
  private static final int REGION_BYTES = 8192;

  /** Room around the region that must stay untouched. */
  private static final int GUARD_BYTES = 4096;

  private final IwarpDomain domain = (IwarpDomain) PROVIDER.allocateProtectionDomain("fuzzed");
  private final MemorySegment all = ARENA.allocate(REGION_BYTES + 2 * GUARD_BYTES);

  @AfterContainer
  static void stop() {
    PROVIDER.close();
    ARENA.close();
  }

  @Property(tries = 2000)
  void randomOctetsAsARequest(@ForAll @Size(max = 700) byte[] octets, @ForAll long seed) {
    feed(octets, seed, IwarpConfig.DEFAULTS);
  }

  @Property(tries = 2000)
  void randomOctetsBehindAGoodRequest(@ForAll @Size(max = 2000) byte[] octets, @ForAll long seed) {
    feed(concat(Frames.mpaRequest(0x40, 1, new byte[0]), octets), seed, IwarpConfig.DEFAULTS);
  }

  @Property(tries = 2000)
  void randomUlpdusWithGoodCrcs(@ForAll @Size(max = 8) byte[][] ulpdus, @ForAll long seed) {
    byte[] stream = Frames.mpaRequest(0x40, 1, new byte[0]);
    for (byte[] ulpdu : ulpdus) {
      stream = concat(stream, Frames.fpdu(ulpdu));
    }
    feed(stream, seed, IwarpConfig.DEFAULTS);
  }

  @Property(tries = 5000)
  void mutatedStreams(
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 12) int mutations,
      @ForAll boolean refreshCrc) {
    SplittableRandom random = new SplittableRandom(seed);
    MemoryRegion region = region();
    byte[] stream = Frames.mpaRequest(0x40, 1, new byte[0]);
    int sends = 1;
    int reads = 1;
    int frames = 1 + random.nextInt(12);
    for (int i = 0; i < frames; i++) {
      byte[] ulpdu =
          switch (random.nextInt(5)) {
            case 0 -> Frames.send(sends++, new byte[random.nextInt(200)]);
            case 1 ->
                Frames.readRequest(
                    reads++,
                    random.nextInt(),
                    random.nextLong(),
                    random.nextInt(REGION_BYTES),
                    region.key(),
                    region.remoteAddress());
            case 2 -> Frames.untagged(5, true, 0, 0, sends++, 0, new byte[random.nextInt(99)]);
            case 3 -> Frames.untagged(4, true, region.key(), 0, sends++, 0, new byte[3]);
            default ->
                Frames.tagged(
                    0,
                    random.nextBoolean(),
                    region.key(),
                    region.remoteAddress() + random.nextInt(REGION_BYTES),
                    new byte[random.nextInt(2000)]);
          };
      if (refreshCrc) {
        mutate(ulpdu, random, mutations);
      }
      stream = concat(stream, Frames.fpdu(ulpdu));
    }
    if (!refreshCrc) {
      mutate(stream, random, mutations);
      stream = Arrays.copyOf(stream, random.nextInt(stream.length + 1));
    }
    feed(stream, seed, IwarpConfig.DEFAULTS.withCrc(random.nextBoolean()));
    var _ = region.invalidate();
  }

  @Property(tries = 2000)
  void activeSideSurvivesAnyAnswer(
      @ForAll @Size(max = 600) byte[] octets, @ForAll long seed, @ForAll boolean goodReply) {
    SendQueue queue = new SendQueue(8);
    IwarpConnection connection =
        IwarpConnection.active(
            IwarpConfig.DEFAULTS.withMpaRevision(1),
            PROVIDER.statistics(),
            PROVIDER.regions(),
            domain,
            queue,
            ByteBuffer.allocate(0),
            4,
            true);
    MemoryRegion region = region();
    for (int i = 0; i < 3; i++) {
      queue.post(SendQueue.Kind.READ, (IwarpRegion) region, 0, 100, 1, 1, i);
    }
    byte[] reply = Frames.mpa("MPA ID Rep Frame", 0, 1, new byte[0]);
    SplittableRandom random = new SplittableRandom(seed);
    byte[] response = Frames.tagged(2, true, region.key(), region.remoteAddress(), new byte[100]);
    mutate(response, random, random.nextInt(3));
    byte[] stream = goodReply ? concat(reply, concat(Frames.fpdu(response), octets)) : octets;
    run(connection, stream, seed, null);
    assertGuards();
    var _ = region.invalidate();
  }

  private static void mutate(byte[] octets, SplittableRandom random, int count) {
    for (int i = 0; i < count && octets.length > 0; i++) {
      // Headers are where it hurts.
      int at = random.nextInt(random.nextBoolean() ? octets.length : Math.min(46, octets.length));
      octets[at] =
          switch (random.nextInt(4)) {
            case 0 -> (byte) 0xFF;
            case 1 -> 0;
            case 2 -> (byte) (octets[at] ^ 1 << random.nextInt(8));
            default -> (byte) random.nextInt();
          };
    }
  }

  private MemoryRegion region() {
    try {
      return domain.register(
          all.asSlice(GUARD_BYTES, REGION_BYTES),
          EnumSet.of(RemoteAccess.READ, RemoteAccess.WRITE));
    } catch (io.selkie.rdma.RdmaException e) {
      throw new IllegalStateException(e);
    }
  }

  private void feed(byte[] octets, long seed, IwarpConfig config) {
    IwarpConnection connection =
        IwarpConnection.passive(config, PROVIDER.statistics(), PROVIDER.regions());
    run(connection, octets, seed, domain);
    assertGuards();
  }

  private void assertGuards() {
    MemorySegment zero = MemorySegment.ofArray(new byte[GUARD_BYTES]);
    assertThat(all.asSlice(0, GUARD_BYTES).mismatch(zero)).isEqualTo(-1);
    assertThat(all.asSlice(GUARD_BYTES + REGION_BYTES).mismatch(zero)).isEqualTo(-1);
  }

  /** A driver: chops the stream at random, answers what is asked, throws the output away. */
  private static void run(
      IwarpConnection connection, byte[] octets, long seed, IwarpDomain acceptInto) {
    SplittableRandom random = new SplittableRandom(seed);
    ReceiveBuffer in = new ReceiveBuffer(128 << 10, false);
    Chunk chunk = new Chunk(IwarpLimits.DEFAULTS.sendChunkBytes(), false);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int at = 0;
    boolean ended = false;
    while (at < octets.length && !ended) {
      int part = Math.min(octets.length - at, 1 + random.nextInt(random.nextBoolean() ? 5 : 900));
      in.compact();
      part = Math.min(part, in.room().remaining());
      assertThat(part).as("room for the rest of any FPDU").isPositive();
      in.room().put(octets, at, part);
      in.received(part);
      at += part;
      ended = step(connection, in, acceptInto);
      produce(connection, chunk, out);
    }
    if (ended && connection.state() == State.TERMINATING) {
      produce(connection, chunk, out);
      assertThat(out.size()).isPositive();
    }
    connection.lost(io.selkie.rdma.DisconnectCause.Kind.REMOTE_CLOSE, "the stream is over");
    assertThat(connection.state()).isEqualTo(State.CLOSED);
    assertThat(connection.cause()).isNotNull();
  }

  private static boolean step(IwarpConnection connection, ReceiveBuffer in, IwarpDomain domain) {
    while (true) {
      Signal signal = connection.receive(in);
      switch (signal) {
        case NEED_INPUT -> {
          return false;
        }
        case REQUEST -> connection.accept(domain, new SendQueue(4), ByteBuffer.allocate(0));
        case ACCEPTED -> assertThat(connection.state()).isEqualTo(State.UP);
        case MESSAGE ->
            assertThat(connection.message().remaining())
                .isLessThanOrEqualTo(IwarpLimits.DEFAULTS.maxMessageBytes());
        case REFUSED, ENDED -> {
          return true;
        }
      }
    }
  }

  private static void produce(IwarpConnection connection, Chunk chunk, ByteArrayOutputStream out) {
    while (connection.hasOutput()) {
      connection.produce(chunk);
      int length = chunk.bytes().position();
      assertThat(length).as("output that was announced").isPositive();
      out.write(0);
      connection.written(length);
      chunk.release();
    }
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }
}
