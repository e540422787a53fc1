package io.selkie.server.direct;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.rdma.RdmaDevices;
import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.layout.rdma.RdmaRouting.Claim;
import io.selkie.layout.rdma.RdmaRouting.Route;
import io.selkie.layout.rdma.RdmaRouting.Way;
import io.selkie.layout.rdma.RdmaRouting.Ways;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.rdma.Registration;
import io.selkie.rdma.RegistrationProbe;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.server.direct.RegistrationMatrix.Row;
import io.selkie.server.direct.RegistrationMatrix.Storage;
import io.selkie.server.metrics.ServerMetrics;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: the RDMA device is used for what it was proven to reach and for nothing else.
 *
 * <p>Method: the software provider stands for the device too; it reaches all there is, so what is
 * not offered is not for a rule's sake.
 */
@Timeout(120)
class ProvenRoutingTest {

  private static final long INODE = 7;
  private static final long FILES = 8L << 32 | 1;
  private static final long CLIENT = 42;
  private static final long PINNED_MAX = 1000;

  private final IwarpProvider provider = new IwarpProvider(IwarpConfig.DEFAULTS);
  private final RdmaDevices devices = new RdmaDevices(new Random(1));
  private final RegistrationMatrix matrix =
      new RegistrationMatrix(
          new RegistrationProbe(provider, InetAddress.getLoopbackAddress(), new Random(2)),
          new Random(3));
  private Route software;
  private Route device;
  private ProvenRouting routing;
  private Row row;
  private final AtomicLong now = new AtomicLong(1);

  @BeforeEach
  void start() throws Exception {
    software = route("iwarp", 1);
    device = route("verbs", 2);
    MemorySegment memory = Arena.ofAuto().allocate(RegistrationProbe.BYTES_MIN, 4096);
    for (long i = 0; i < memory.byteSize(); i++) {
      memory.set(java.lang.foreign.ValueLayout.JAVA_BYTE, i, (byte) (i * 31));
    }
    row = matrix.probe(FILES, Storage.PAGE_CACHE, "a test", memory, memory.asReadOnly());
    routing =
        new ProvenRouting(
            Optional.of(software),
            Optional.of(device),
            Optional.of(matrix),
            PINNED_MAX,
            now::get,
            new ServerMetrics());
  }

  @AfterEach
  void end() {
    provider.close();
  }

  private Route route(String name, int port) {
    return new Route(name, new RdmaDomains(provider), devices.add(Optional.of("127.0.0.1"), port));
  }

  private static Seal seal(long fileSystem, boolean exact) {
    SealTarget target =
        (SealTarget)
            Proxy.newProxyInstance(
                SealTarget.class.getClassLoader(),
                new Class<?>[] {SealTarget.class},
                (_, _, _) -> new FileIdentity(fileSystem, INODE, 0));
    return (Seal)
        Proxy.newProxyInstance(
            Seal.class.getClassLoader(),
            new Class<?>[] {Seal.class},
            (_, method, _) -> method.getName().equals("exact") ? (Object) exact : target);
  }

  private Ways ways(boolean write, long bytes) {
    return routing.ways(CLIENT, seal(FILES, false), write, bytes);
  }

  private static List<Route> routes(Ways ways) {
    return ways.usable().stream().map(Way::route).toList();
  }

  private Claim claim(long bytes) {
    Claim claim =
        routing.claim(CLIENT, ways(false, bytes).usable().getFirst(), bytes).orElseThrow();
    claim.registered();
    return claim;
  }

  private static void giveBack(Claim claim) {
    claim.givenBack();
    claim.end();
  }

  @Test
  void filesAreReadByTheDeviceAndWrittenBySoftware() {
    assertThat(routes(ways(false, 1))).containsExactly(device, software);
    assertThat(routes(ways(true, 1))).containsExactly(software);
    assertThat(ways(true, 1).reason()).contains("pinned pages").contains("on demand");
  }

  @Test
  void writableMemoryOfFilesIsNotPinnedThoughTheDeviceCan() {
    assertThat(row.read().how()).contains(Registration.PLAIN);
    assertThat(row.read().pins()).isTrue();
    assertThat(row.write().how()).isEmpty();
    assertThat(row.write().reasons().get(Registration.PLAIN)).contains("may lose it");
  }

  @Test
  void deviceMemoryIsReachedForBothAndKeepsItsContent() throws Exception {
    MemorySegment memory = Arena.ofAuto().allocate(RegistrationProbe.BYTES_MIN, 4096);
    memory.asSlice(100, 5000).fill((byte) 3);
    MemorySegment before = Arena.ofAuto().allocate(memory.byteSize()).copyFrom(memory);
    Row made = matrix.probeDevice(new FileIdentity(FILES, INODE, 0), "dax0.0", memory, true);
    assertThat(made.write().how()).contains(Registration.PLAIN);
    assertThat(made.write().pins()).isFalse();
    assertThat(made.write().flush()).as("there is no RDMA FLUSH here").isFalse();
    assertThat(memory.mismatch(before)).isEqualTo(-1);
    assertThat(routes(routing.ways(CLIENT, seal(FILES, true), true, 1L << 40)))
        .containsExactly(device, software);
  }

  @Test
  void deviceMemoryThatNobodyMayWriteIsNotWrittenToBeTried() throws Exception {
    MemorySegment memory = Arena.ofAuto().allocate(RegistrationProbe.BYTES_MIN, 4096);
    memory.asSlice(100, 5000).fill((byte) 3);
    Row made =
        matrix.probeDevice(new FileIdentity(FILES, INODE, 0), "dax0.0", memory.asReadOnly(), false);
    assertThat(made.read().how()).contains(Registration.PLAIN);
    assertThat(made.write().how()).isEmpty();
    assertThat(made.write().words()).contains("not tried");
    assertThat(routes(routing.ways(CLIENT, seal(FILES, true), true, 1))).containsExactly(software);
  }

  @Test
  void whatIsKnownOfADeviceIsNotKnownOfItsStandInsFileSystem() throws Exception {
    MemorySegment memory = Arena.ofAuto().allocate(RegistrationProbe.BYTES_MIN, 4096);
    matrix.probeDevice(new FileIdentity(FILES, INODE + 1, 0), "dax0.0", memory, true);
    assertThat(routes(routing.ways(CLIENT, seal(FILES, true), true, 1))).containsExactly(software);
    matrix.probe(FILES, Storage.DAX, "dax file system", memory, memory.asReadOnly());
    assertThat(routes(routing.ways(CLIENT, seal(FILES, true), true, 1)))
        .containsExactly(device, software);
    provider.close();
    matrix.probeDevice(new FileIdentity(FILES, INODE, 0), "dax0.0", memory, true);
    assertThat(routes(routing.ways(CLIENT, seal(FILES, true), true, 1)))
        .as("nor the other way round")
        .containsExactly(software);
  }

  @Test
  void whatWasNotTriedGoesBySoftware() {
    assertThat(routes(routing.ways(CLIENT, seal(FILES + 1, false), false, 1)))
        .containsExactly(software);
    Ways dax = routing.ways(CLIENT, seal(FILES, true), false, 1);
    assertThat(routes(dax)).containsExactly(software);
    assertThat(dax.reason()).contains("not tried");
  }

  @Test
  void pinnedMemoryIsBounded() {
    assertThat(routes(ways(false, PINNED_MAX))).contains(device);
    assertThat(routes(ways(false, PINNED_MAX + 1))).containsExactly(software);
    Claim claim = claim(600);
    assertThat(routing.pinnedBytes()).isEqualTo(600);
    assertThat(routes(ways(false, 401))).containsExactly(software);
    assertThat(routes(ways(false, 400))).contains(device);
    claim.end();
    assertThat(routing.pinnedBytes()).isZero();
    assertThat(routes(ways(false, 401))).containsExactly(device, software);
  }

  @Test
  void grantsAtTheSameTimeDoNotExceedTheBoundTogether() {
    Way one = ways(false, 600).usable().getFirst();
    Way other = ways(false, 600).usable().getFirst();
    assertThat(routing.claim(CLIENT, one, 600)).isPresent();
    assertThat(routing.claim(CLIENT, other, 600)).isEmpty();
    assertThat(routing.pinnedBytes()).isEqualTo(600);
    Way soft = ways(false, 600).usable().getFirst();
    assertThat(soft.route()).isEqualTo(software);
    assertThat(routing.claim(CLIENT, soft, 600)).isPresent();
    assertThat(routing.pinnedBytes()).isEqualTo(600);
  }

  @Test
  void clientThatGivesBackWhatItDidNotConnectToIsServedBySoftwareUntilItConnects() {
    Claim claim = claim(1);
    assertThat(routes(ways(false, 1))).containsExactly(device, software);
    giveBack(claim);
    assertThat(routes(ways(false, 1))).containsExactly(software, device);
    assertThat(routes(routing.ways(CLIENT + 1, seal(FILES, false), false, 1)))
        .containsExactly(device, software);
    routing.reached(CLIENT);
    assertThat(routes(ways(false, 1))).containsExactly(device, software);
  }

  @Test
  void whatWasNeverGrantedOrWasTakenBackSaysNothingOfTheClient() {
    Claim claim = claim(1);
    claim.end();
    assertThat(routes(ways(false, 1))).containsExactly(device, software);
  }

  @Test
  void clientThatDidNotConnectIsSentToTheDeviceAgainAfterSomeTime() {
    giveBack(claim(1));
    now.addAndGet(ProvenRouting.UNREACHED_NANOS - 1);
    assertThat(routes(ways(false, 1))).containsExactly(software, device);
    now.incrementAndGet();
    assertThat(routes(ways(false, 1))).containsExactly(device, software);
  }

  @Test
  void clientWhoseQueuePairEndedIsTakenForUnreachedOnceItFindsNoWay() {
    routing.reached(CLIENT);
    routing.reached(CLIENT);
    Claim early = claim(1);
    now.incrementAndGet();
    routing.left(CLIENT);
    giveBack(claim(1));
    routing.left(CLIENT);
    giveBack(early);
    assertThat(routes(ways(false, 1))).containsExactly(device, software);
    now.incrementAndGet();
    giveBack(claim(1));
    assertThat(routes(ways(false, 1))).containsExactly(software, device);
  }

  @Test
  void deviceAloneIsNeverReplaced() {
    ProvenRouting alone =
        new ProvenRouting(
            Optional.empty(),
            Optional.of(device),
            Optional.of(matrix),
            PINNED_MAX,
            now::get,
            new ServerMetrics());
    Ways write = alone.ways(CLIENT, seal(FILES, false), true, 1);
    assertThat(write.usable()).isEmpty();
    assertThat(write.reason()).contains("plain: ");
    Way way = alone.ways(CLIENT, seal(FILES, false), false, 1).usable().getFirst();
    giveBack(alone.claim(CLIENT, way, 1).orElseThrow());
    assertThat(routes(alone.ways(CLIENT, seal(FILES, false), false, 1))).containsExactly(device);
  }
}
