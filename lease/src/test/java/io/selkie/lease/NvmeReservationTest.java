package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.posix.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: an NVMe namespace is the server's and its clients' only, as a SCSI disk is. */
class NvmeReservationTest {

  private static final int START = 9;
  private static final long OWN = ReservedDisk.key(START, 0);
  private static final int CLIENT = 5;

  @TempDir Path sysfs;
  private FakeNamespace disk;

  @BeforeEach
  void make() throws IOException {
    disk = new FakeNamespace(sysfs);
  }

  private static String hex(ByteBuffer name) {
    byte[] bytes = new byte[name.remaining()];
    name.get(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  @Test
  void aFreeNamespaceIsReservedForAllWhoHaveRegistered() throws Exception {
    ReservedDisk opened = disk.open(START);
    assertThat(disk.type).isEqualTo(6);
    assertThat(opened.keys()).containsExactly(OWN);
    assertThat(opened.aborts()).isTrue();
  }

  @Test
  void itIsKnownByItsNguidAndWithoutOneByItsEui64() throws Exception {
    ScsiDesignator name = disk.open(START).designator();
    assertThat(name.codeSet()).as("binary").isEqualTo(1);
    assertThat(name.type()).as("EUI-64, whichever it is").isEqualTo(2);
    assertThat(hex(name.name())).isEqualTo("5e1c1e0000000000000000000000000a");
    assertThat(name.isFindable()).isTrue();
    disk.without("nguid");
    assertThat(hex(disk.open(START + 1).designator().name())).isEqualTo("0011223344556677");
    disk.fact("eui", "00 00 00 00 00 00 00 00");
    assertThatThrownBy(() -> disk.open(START + 2))
        .isInstanceOf(ScsiException.class)
        .hasMessageContaining("no name");
  }

  @Test
  void aFenceEndsWhatTheClientHasUnderWay() throws Exception {
    ReservedDisk opened = disk.open(START);
    long key = ReservedDisk.key(START, 1);
    disk.registered.put(CLIENT, key);
    assertThat(opened.keys()).containsExactlyInAnyOrder(OWN, key);
    opened.preempt(key);
    assertThat(disk.aborted).isTrue();
    assertThat(opened.keys()).containsExactly(OWN);
    assertThatThrownBy(() -> opened.preempt(key))
        .isInstanceOfSatisfying(
            ScsiException.class, e -> assertThat(e.isConflict()).as("gone before").isTrue());
  }

  /** As Linux does when it wants to take its key away: it has access still. */
  @Test
  void whoHasPutZeroInThePlaceOfItsKeyIsShutOutBeforeItCountsAsGone() throws Exception {
    ReservedDisk opened = disk.open(START);
    disk.registered.put(CLIENT, 0L);
    assertThat(opened.keys()).containsExactly(OWN);
    assertThat(disk.registered).hasSize(1).containsEntry(FakeNamespace.SERVER, OWN);
    assertThat(disk.aborted).isTrue();
  }

  @Test
  void theNextStartTakesTheKeysOfFormerClientsAway() throws Exception {
    disk.open(START - 1);
    disk.registered.put(CLIENT, ReservedDisk.key(START - 1, 1));
    disk.registered.put(CLIENT + 1, 42L);
    disk.open(START);
    assertThat(disk.registered).hasSize(1).containsEntry(FakeNamespace.SERVER, OWN);
    assertThat(disk.type).isEqualTo(6);
  }

  @Test
  void aNamespaceThatOnlyFormerClientsHoldIsTakenOver() throws Exception {
    disk.type = 6;
    disk.registered.put(CLIENT, ReservedDisk.key(START - 1, 1));
    disk.open(START);
    assertThat(disk.registered).hasSize(1).containsEntry(FakeNamespace.SERVER, OWN);
  }

  @Test
  void aReservationOfSomebodyElseIsLeftAlone() {
    disk.type = 6;
    disk.registered.put(CLIENT, 42L);
    assertThatThrownBy(() -> disk.open(START))
        .isInstanceOf(ScsiException.class)
        .hasMessageContaining("reserved by somebody else");
    assertThat(disk.registered).hasSize(1);
  }

  @Test
  void aHostWithSeveralControllersHasOneKey() throws Exception {
    disk.controllers = 3;
    assertThat(disk.open(START).keys()).containsExactly(OWN);
  }

  @Test
  void whenTheServerEndsItsClientsAreShutOutAndTheNamespaceStaysReserved() throws Exception {
    try (ReservedDisk _ = disk.open(START)) {
      disk.registered.put(CLIENT, ReservedDisk.key(START, 1));
    }
    assertThat(disk.registered).hasSize(1).containsEntry(FakeNamespace.SERVER, OWN);
    assertThat(disk.type).isEqualTo(6);
  }

  @Test
  void oneThatCannotBeReservedSaysWhatItAnswered() {
    disk.error = 0x4001;
    assertThatThrownBy(() -> disk.open(START))
        .isInstanceOf(ScsiException.class)
        .hasMessageContaining("NVMe status 0x001");
    disk.error = Errno.EACCES.result();
    assertThatThrownBy(() -> disk.open(START))
        .isInstanceOf(ScsiException.class)
        .hasMessageContaining("CAP_SYS_ADMIN");
  }
}
