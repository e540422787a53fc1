package io.selkie.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.fake.FakeServer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: whatever a server answers, the client ends with a result or an IOException, in time.
 *
 * <p>Method: a good server's replies are damaged on their way out, differently for each seed.
 */
@Timeout(240)
class LyingServerTest {
  private static final int SEEDS = 60;
  private static final int FIRST_DAMAGEABLE = 12;

  private static ByteBuffer damage(ByteBuffer reply, Random random) {
    int length = reply.remaining();
    byte[] bytes = new byte[length];
    reply.get(bytes);
    if (length <= FIRST_DAMAGEABLE) {
      return ByteBuffer.wrap(bytes);
    }
    ByteBuffer out = ByteBuffer.wrap(bytes);
    int at = FIRST_DAMAGEABLE + random.nextInt(length - FIRST_DAMAGEABLE);
    switch (random.nextInt(6)) {
      case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> out.putInt(at & ~3, random.nextBoolean() ? Integer.MAX_VALUE : -1);
      case 2 -> {
        // Cut off, with a record mark that agrees.
        out.putInt(0, 0x8000_0000 | (at - 4));
        out.limit(at);
      }
      case 3 -> out.putInt(at & ~3, random.nextInt());
      case 4 -> out.putInt(at & ~3, 0);
      default -> {}
    }
    return out;
  }

  private static ClientOptions impatient() {
    return ClientOptions.defaults()
        .withCallTimeoutMillis(150)
        .withOperationTimeoutMillis(600)
        .withConnectTimeoutMillis(500)
        .withIoTimeoutMillis(500)
        .withDrainTimeoutMillis(200);
  }

  @Test
  void damagedRepliesEndInAResultOrAnIoException() throws Exception {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      try (FakeServer server = new FakeServer()) {
        server.state().addFile("a", new byte[20_000]);
        boolean fromTheStart = seed % 4 == 0;
        if (fromTheStart) {
          server.filterReplies(reply -> damage(reply, random));
        }
        work(server, random, fromTheStart, seed);
      }
    }
  }

  private static void work(FakeServer server, Random random, boolean fromTheStart, int seed) {
    try (SelkieClient client = SelkieClient.connect("127.0.0.1", server.port(), impatient())) {
      if (!fromTheStart) {
        server.filterReplies(reply -> random.nextInt(3) == 0 ? damage(reply, random) : reply);
      }
      DirectMode mode =
          List.of(DirectMode.REQUIRE, DirectMode.PREFER, DirectMode.NEVER).get(seed % 3);
      client.list("/");
      try (DirectFile file = client.open("/a", mode, StandardOpenOption.WRITE)) {
        file.read(MemorySegment.ofArray(new byte[20_000]), 0);
        file.write(MemorySegment.ofArray(new byte[5_000]), 0);
        file.sync();
      }
      client.makeDirectory("/d");
      client.remove("/d");
    } catch (IOException e) {
      assertThat(e.getMessage()).as("seed %d", seed).isNotEmpty();
    }
  }

  @Test
  void damagedCallbacksDoNotStopTheClient() throws Exception {
    try (FakeServer server = new FakeServer();
        SelkieClient client =
            SelkieClient.connect("127.0.0.1", server.port(), ClientOptions.defaults())) {
      for (int seed = 0; seed < 200; seed++) {
        Random random = new Random(seed);
        byte[] garbage = new byte[4 * random.nextInt(60)];
        random.nextBytes(garbage);
        var answer =
            server.callBack(out -> {
              out.int32(random.nextBoolean() ? 5 : random.nextInt(20));
              out.raw(garbage, 0, garbage.length);
            });
        answer.get(60, TimeUnit.SECONDS);
      }
      assertThat(client.list("/")).isEmpty();
    }
  }

  @Test
  void aRecordThatIsTooLongEndsTheConnectionAndNotTheClient() throws Exception {
    try (FakeServer server = new FakeServer();
        SelkieClient client =
            SelkieClient.connect("127.0.0.1", server.port(), ClientOptions.defaults())) {
      boolean[] lied = new boolean[1];
      server.filterReplies(reply -> {
        if (!lied[0]) {
          lied[0] = true;
          reply.putInt(0, Integer.MAX_VALUE);
        }
        return reply;
      });
      assertThat(client.list("/")).isEmpty();
      assertThat(client.counters().get(ClientCounters.Counter.RECONNECTS)).isEqualTo(1);
    }
  }
}
