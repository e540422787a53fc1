package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

/** Goal: a disk is the server's and its clients' only, from the first moment to after the last. */
class ReservedDiskTest {

  private static final int START = 9;
  private static final long OWN = ReservedDisk.key(START, 0);

  private final FakeDisk disk = new FakeDisk();

  private ReservedDisk open() throws ScsiException {
    return ReservedDisk.open(disk.kernel(), disk.volume(), START);
  }

  @Test
  void aFreeDiskIsReservedForRegistrantsOnly() throws Exception {
    disk.attentions = 2;
    ReservedDisk opened = open();
    assertThat(disk.holder).isEqualTo(FakeDisk.SERVER);
    assertThat(disk.type).isEqualTo(6);
    assertThat(opened.keys()).containsExactly(OWN);
  }

  @Test
  void itIsKnownByItsLongestNaaName() throws Exception {
    ScsiDesignator name = open().designator();
    assertThat(name.type()).isEqualTo(3);
    assertThat(name.codeSet()).isEqualTo(1);
    assertThat(HexFormat.of().formatHex(bytes(name.name())))
        .isEqualTo("60014055566677778888999900001111");
    assertThat(name.isFindable()).isTrue();
  }

  private static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  @Test
  void aPageThatLiesAboutItsLengthsIsReadNoFurtherThanItReaches() {
    byte[] page = HexFormat.of().parseHex("0083ffff" + "010300ff" + "5000000000000001");
    assertThat(ScsiDesignator.best(MemorySegment.ofArray(page))).isEmpty();
    byte[] cut = HexFormat.of().parseHex("0083000c" + "01030008" + "5000");
    assertThat(ScsiDesignator.best(MemorySegment.ofArray(cut))).isEmpty();
    assertThat(ScsiDesignator.best(MemorySegment.ofArray(new byte[2]))).isEmpty();
  }

  @Test
  void aDiskWithoutANameIsRefused() {
    disk.page = new byte[] {0, (byte) 0x83, 0, 0};
    assertThatThrownBy(this::open).isInstanceOf(ScsiException.class).hasMessageContaining("83h");
    assertThat(disk.registered).isEmpty();
  }

  @Test
  void theNextStartTakesOverAndTakesTheKeysOfFormerClientsAway() throws Exception {
    ReservedDisk.open(disk.kernel(), disk.volume(), START - 1);
    disk.registered.put("client", ReservedDisk.key(START - 1, 1));
    disk.registered.put("stranger", 42L);
    open();
    assertThat(disk.registered).hasSize(1).containsEntry(FakeDisk.SERVER, OWN);
    assertThat(disk.holder).isEqualTo(FakeDisk.SERVER);
  }

  @Test
  void aReservationOfAServerOnAnotherWayIsTakenOver() throws Exception {
    disk.registered.put("elsewhere", ReservedDisk.key(START - 1, 0));
    disk.holder = "elsewhere";
    open();
    assertThat(disk.registered).hasSize(1).containsEntry(FakeDisk.SERVER, OWN);
    assertThat(disk.holder).isEqualTo(FakeDisk.SERVER);
  }

  @Test
  void aReservationOfSomebodyElseIsLeftAlone() {
    disk.registered.put("cluster", 42L);
    disk.holder = "cluster";
    assertThatThrownBy(this::open)
        .isInstanceOf(ScsiException.class)
        .hasMessageContaining("reserved by somebody else");
    assertThat(disk.registered).hasSize(1);
    assertThat(disk.holder).isEqualTo("cluster");
  }

  @Test
  void whoCannotBeTakenAwayKeepsTheServerFromStarting() {
    disk.registered.put("client", 42L);
    disk.stubborn = true;
    assertThatThrownBy(this::open)
        .isInstanceOf(ScsiException.class)
        .hasMessageContaining("does not keep its reservation");
    assertThat(disk.registered).as("nothing of ours").doesNotContainKey(FakeDisk.SERVER);
  }

  @Test
  void whenTheServerEndsItsClientsAreShutOutAndTheDiskStaysReserved() throws Exception {
    try (ReservedDisk _ = open()) {
      disk.registered.put("client", ReservedDisk.key(START, 1));
    }
    assertThat(disk.registered).hasSize(1).containsEntry(FakeDisk.SERVER, OWN);
    assertThat(disk.holder).isEqualTo(FakeDisk.SERVER);
  }

  @Test
  void itsOwnKeyOnAnotherWayIsSomebodyElses() {
    disk.registered.put("elsewhere", OWN);
    assertThatThrownBy(this::open)
        .isInstanceOf(ScsiException.class)
        .hasMessageContaining("does not keep its reservation");
  }

  @Test
  void serversThatCountTheSameHaveKeysOfTheirOwn() {
    int one = ReservedDisk.start(START, new byte[] {1, 2, 3, 4});
    int other = ReservedDisk.start(START, new byte[] {1, 2, 3, 5});
    assertThat(one).isNotEqualTo(other);
    assertThat(one).isNotEqualTo(ReservedDisk.start(START + 1, new byte[] {1, 2, 3, 4}));
  }

  @Test
  void noKeyIsGivenOutTwiceAndThenThereAreNoMore() {
    LongSupplier keys = ReservedDisk.clientKeys(START);
    long last = OWN;
    for (int number = 1; number < 1 << 24; number++) {
      long key = keys.getAsLong();
      if (key != last + 1) {
        throw new AssertionError("key %x after %x".formatted(key, last));
      }
      last = key;
    }
    assertThat(keys.getAsLong()).isZero();
    assertThat(keys.getAsLong()).isZero();
  }

  @Test
  void keysOfStartsAndNumbersDiffer() {
    assertThat(ReservedDisk.key(1, 2)).isNotEqualTo(ReservedDisk.key(2, 1));
    assertThat(ReservedDisk.key(-1, 1) >>> 56).isEqualTo(0x5E);
    assertThatThrownBy(() -> ReservedDisk.key(1, 1 << 24))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
