package io.selkie.test.siw;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.WorkStatus;
import io.selkie.test.siw.Connected.SetUp;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Goal: every operation works between our iWARP and the Linux kernel's, whoever opens the
 * connection, with and without CRCs, with the set-up of RFC 5044 and with that of RFC 6581.
 *
 * <p>Method: a stock Debian kernel in a virtual machine, with its own siw module; its peer is told
 * what to do, and both sides look at what arrived. Lengths and offsets are odd on purpose: nothing
 * is aligned to a word, a page or a segment.
 */
@Tag("debian")
@Tag("slow")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(SiwGuestExtension.class)
class SiwOperationsTest {

  /** Lengths, and where in either region: around words, segments, frames and pages. */
  private static final int[][] MANY_PARTS = {
    {1, 0, 3},
    {3, 4095, 1},
    {64, 1, 4093},
    {1021, 7, 2},
    {1436, 511, 13},
    {4099, 4093, 8191},
    {32_768, 5, 9},
    {65_537, 1, 4097},
    {300_001, 77, 1031},
  };

  private static final int[][] FEW_PARTS = {{1, 0, 3}, {4099, 4093, 8191}, {100_003, 5, 9}};

  private static Stream<SetUp> setUps() {
    return Stream.of(
        new SetUp(true, 1, false, false, false),
        new SetUp(true, 1, false, true, false),
        new SetUp(true, 2, false, false, false),
        new SetUp(true, 2, false, true, false),
        new SetUp(true, 2, false, true, true),
        new SetUp(false, 1, false, false, false),
        new SetUp(false, 1, false, false, true),
        new SetUp(false, 2, false, false, false),
        new SetUp(false, 2, false, true, false),
        new SetUp(false, 2, true, false, true),
        new SetUp(false, 2, true, true, true));
  }

  @ParameterizedTest
  @MethodSource("setUps")
  void everyOperationTakesEffectInBothDirections(SetUp how, KernelPeer kernel) throws Exception {
    byte[] javaSays = Octets.of(how.hashCode(), how.javaCrc() ? 1 : 240);
    byte[] kernelSays = Octets.of(~how.hashCode(), how.javaCrc() ? 240 : 3);
    // Of Terminates that were due, in whichever class was before.
    var _ = kernel.kernelWords();
    try (Connected connected = Connected.of(how, kernel, javaSays, kernelSays)) {
      assertThat(connected.javaSaid).isEqualTo(ByteBuffer.wrap(javaSays));
      assertThat(connected.kernelSaid).isEqualTo(ByteBuffer.wrap(kernelSays));
      reachesMemory(connected, how.javaCrc() == how.kernelCrc() ? FEW_PARTS : MANY_PARTS);
      sends(connected);
      ends(connected, how.javaCrc());
    }
  }

  private static void reachesMemory(Connected c, int[][] parts)
      throws IOException, InterruptedException {
    JavaPeer.Region ours = c.java.register(Connected.BYTES, RemoteAccess.READ, RemoteAccess.WRITE);
    KernelPeer.Region theirs = c.kernel.register(c.kernelDomain, Connected.BYTES, "rw");
    QueuePair pair = c.pair;
    int seed = 1;
    for (int[] part : parts) {
      int length = part[0];
      MemorySegment here = ours.memory().asSlice(part[1], length);
      int there = part[2];
      long thereAddress = theirs.address() + there;

      Octets.fill(here, ++seed);
      pair.postWriteAndConfirm(ours.registration(), here, theirs.key(), thereAddress, 10);
      assertThat(c.java.completion(10)).isEqualTo(WorkStatus.SUCCESS);
      assertThat(c.kernel.sum(theirs, there, length)).isEqualTo(sum(seed, length));

      c.kernel.fill(theirs, there, length, ++seed);
      pair.postRead(ours.registration(), here, theirs.key(), thereAddress, 11);
      assertThat(c.java.completion(11)).isEqualTo(WorkStatus.SUCCESS);
      assertThat(Octets.copy(here)).isEqualTo(Octets.of(seed, length));

      c.kernel.fill(theirs, there, length, ++seed);
      c.kernel.write(c.endpoint, 12, theirs, there, length, ours.key(), ours.address() + part[1]);
      c.kernel.succeeded(c.endpoint, 12);
      // What a Send after it finds placed is what was written before it.
      c.kernel.send(c.endpoint, 13, theirs, 0, 0, "-", 0);
      c.kernel.succeeded(c.endpoint, 13);
      assertThat(c.java.awaitMessage().octets().hasRemaining()).isFalse();
      assertThat(Octets.copy(here)).isEqualTo(Octets.of(seed, length));

      Octets.fill(here, ++seed);
      c.kernel.read(c.endpoint, 14, theirs, there, length, ours.key(), ours.address() + part[1]);
      c.kernel.succeeded(c.endpoint, 14);
      assertThat(c.kernel.sum(theirs, there, length)).isEqualTo(sum(seed, length));
    }
  }

  private static long sum(int seed, int length) {
    return Octets.sum(Octets.of(seed, length));
  }

  private static void sends(Connected c) throws IOException, InterruptedException {
    JavaPeer.Region ours = c.java.register(8192);
    KernelPeer.Region theirs = c.kernel.register(c.kernelDomain, 8192, "-");
    QueuePair pair = c.pair;
    int seed = 100;
    for (int length : new int[] {0, 1, 777, 4095, 4096}) {
      MemorySegment here = ours.memory().asSlice(3, length);
      Octets.fill(here, ++seed);
      c.kernel.receive(c.endpoint, 20, theirs, 1, 4096);
      pair.postSend(ours.registration(), here, 21);
      assertThat(c.java.completion(21)).isEqualTo(WorkStatus.SUCCESS);
      assertThat(c.kernel.succeeded(c.endpoint, 20).bytes()).isEqualTo(length);
      assertThat(c.kernel.sum(theirs, 1, length)).isEqualTo(sum(seed, length));

      c.kernel.fill(theirs, 5, length, ++seed);
      c.kernel.send(c.endpoint, 22, theirs, 5, length, length % 2 == 0 ? "-" : "s", 0);
      c.kernel.succeeded(c.endpoint, 22);
      assertThat(c.java.awaitMessage())
          .isEqualTo(new JavaPeer.Message(ByteBuffer.wrap(Octets.of(seed, length)), 0));
    }
    invalidates(c, ours, theirs);
  }

  private static void invalidates(Connected c, JavaPeer.Region ours, KernelPeer.Region theirs)
      throws IOException, InterruptedException {
    KernelPeer.Region theirVictim = c.kernel.register(c.kernelDomain, 4096, "rw");
    c.kernel.receive(c.endpoint, 30, theirs, 0, 4096);
    c.pair.postSendWithInvalidate(
        ours.registration(), ours.memory().asSlice(0, 9), theirVictim.key(), 31);
    assertThat(c.java.completion(31)).isEqualTo(WorkStatus.SUCCESS);
    // The kernel's siw does not tell a program which key it was; SiwErrorsTest shows it dead.
    assertThat(c.kernel.succeeded(c.endpoint, 30).bytes()).isEqualTo(9);

    for (String flags : new String[] {"i", "is"}) {
      JavaPeer.Region ourVictim = c.java.register(4096, RemoteAccess.READ);
      c.kernel.send(c.endpoint, 32, theirs, 0, 11, flags, ourVictim.key());
      c.kernel.succeeded(c.endpoint, 32);
      JavaPeer.Message message = c.java.awaitMessage();
      assertThat(message.octets().remaining()).isEqualTo(11);
      assertThat(message.invalidatedKey()).isEqualTo(ourVictim.key());
      assertThat(ourVictim.registration().isValid()).isFalse();
    }
  }

  private static void ends(Connected c, boolean byUs) throws IOException, InterruptedException {
    if (byUs) {
      c.pair.close();
      assertThat(c.java.awaitEnd().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_CLOSE);
    } else {
      c.kernel.disconnect(c.endpoint);
      assertThat(c.java.awaitEnd().kind()).isEqualTo(DisconnectCause.Kind.REMOTE_CLOSE);
    }
    c.kernel.awaitDisconnected(c.endpoint);
    assertThat(c.kernel.kernelWords()).doesNotContain("TERMINATE");
  }
}
