package io.selkie.test.dax;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import io.selkie.lease.Neighbours;
import io.selkie.lease.Neighbours.Act;
import io.selkie.lease.PmemFileSystem;
import io.selkie.lease.PmemFileSystem.Mounted;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: the whole way, from LAYOUTGET to the next mount: one-sided access by Selkie's own client
 * reaches the storage, other processes that share blocks get their way, and what cannot be granted
 * is refused.
 */
@Timeout(300)
class LayoutsOnPmem {
  private static final int BYTES = 1 << 20;

  private static byte[] random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new Random(seed).nextBytes(data);
    return data;
  }

  private static SelkieClient connect(ServerOnPmem server) throws Exception {
    return SelkieClient.connect("127.0.0.1", server.nfs().getPort(), ClientOptions.defaults());
  }

  @ParameterizedTest(name = "whatIsWrittenOneSidedIsThereAfterTheNextMount: {0}")
  @EnumSource(PmemFileSystem.class)
  void whatIsWrittenOneSidedIsThereAfterTheNextMount(PmemFileSystem type) throws Exception {
    byte[] data = random(BYTES + 4321, 1);
    try (Mounted mounted = type.make()) {
      Path local = mounted.root().resolve("file");
      try (ServerOnPmem server = ServerOnPmem.start("", mounted);
          SelkieClient client = connect(server)) {
        try (DirectFile file = create(client, mounted, "file")) {
          file.setSize(data.length);
          file.write(MemorySegment.ofArray(data), 0);
          file.sync();
          byte[] back = new byte[data.length];
          assertThat(file.read(MemorySegment.ofArray(back), 0)).isEqualTo(data.length);
          assertThat(back).isEqualTo(data);
        }
        assertThat(client.counters().nfsBytes()).isZero();
        assertThat(client.counters().get(Counter.LAYOUT_COMMITS)).isPositive();
        assertThat(Files.readAllBytes(local)).isEqualTo(data);
      }
      mounted.unmount();
      mounted.mount();
      assertThat(Files.readAllBytes(local)).isEqualTo(data);
    }
  }

  private static DirectFile create(SelkieClient client, Mounted mounted, String name)
      throws Exception {
    return client.open(
        "/" + ServerOnPmem.nameOf(mounted) + "/" + name,
        DirectMode.REQUIRE,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE,
        StandardOpenOption.CREATE);
  }

  /** Nobody else's blocks: what was cloned before, or is cloned meanwhile, stays as it was. */
  @ParameterizedTest(name = "clonesKeepTheirBytes: {0}")
  @EnumSource(names = {"XFS_REFLINK_ALWAYS", "XFS_REFLINK_INODE"})
  void clonesKeepTheirBytes(PmemFileSystem type) throws Exception {
    byte[] first = random(BYTES, 2);
    byte[] second = random(BYTES, 3);
    byte[] third = random(BYTES, 4);
    try (Mounted mounted = type.make();
        Neighbours neighbours = new Neighbours()) {
      Path local = Files.write(mounted.root().resolve("file"), first);
      Path early = mounted.root().resolve("early");
      Path late = mounted.root().resolve("late");
      Path twin = mounted.root().resolve("twin");
      assertThat(neighbours.begin(Act.COPY, local, early).result()).isEqualTo("ok");
      try (ServerOnPmem server = ServerOnPmem.start("", mounted);
          SelkieClient client = connect(server);
          DirectFile file = create(client, mounted, "file")) {
        byte[] back = new byte[BYTES];
        assertThat(file.read(MemorySegment.ofArray(back), 0)).isEqualTo(BYTES);
        assertThat(back).isEqualTo(first);
        file.write(MemorySegment.ofArray(second), 0);
        assertThat(Files.readAllBytes(early)).isEqualTo(first);

        assertThat(neighbours.begin(Act.COPY, local, late).result()).isEqualTo("ok");
        assertThat(client.counters().get(Counter.RECALLS)).isPositive();
        file.write(MemorySegment.ofArray(third), 0);
        assertThat(Files.readAllBytes(late)).isEqualTo(second);

        Files.write(twin, third);
        long recalls = client.counters().get(Counter.RECALLS);
        assertThat(neighbours.begin(Act.DEDUPE, local, twin).result()).isEqualTo("ok");
        assertThat(client.counters().get(Counter.RECALLS)).isGreaterThan(recalls);
        file.write(MemorySegment.ofArray(first), 0);
        assertThat(Files.readAllBytes(twin)).isEqualTo(third);
        file.sync();
        assertThat(client.counters().get(Counter.FENCES)).isZero();
        assertThat(client.counters().nfsBytes()).isZero();
      }
      mounted.unmount();
      mounted.mount();
      assertThat(Files.readAllBytes(local)).isEqualTo(first);
      assertThat(Files.readAllBytes(early)).isEqualTo(first);
      assertThat(Files.readAllBytes(late)).isEqualTo(second);
      assertThat(Files.readAllBytes(twin)).isEqualTo(third);
    }
  }

  @ParameterizedTest(name = "unwrittenBlocksAndHolesAreZeroToWhoWritesAroundThem: {0}")
  @EnumSource(PmemFileSystem.class)
  void unwrittenBlocksAndHolesAreZeroToWhoWritesAroundThem(PmemFileSystem type) throws Exception {
    byte[] some = random(1000, 5);
    byte[] expected = new byte[BYTES];
    System.arraycopy(some, 0, expected, 300_000, some.length);
    try (Mounted mounted = type.make()) {
      Path local = mounted.root().resolve("file");
      PmemFileSystem.run(
          "xfs_io", "-f", "-c", "truncate " + BYTES, "-c", "falloc 262144 262144", "" + local);
      try (ServerOnPmem server = ServerOnPmem.start("", mounted);
          RawNfs nfs = RawNfs.connect(server.nfs(), "writer")) {
        RawNfs.OpenFile file = nfs.open(ServerOnPmem.nameOf(mounted), "file");
        RawNfs.Layout layout = nfs.layoutGet(file, file.stateid(), Op.IOMODE_RW, 0, BYTES);
        assertThat(layout.status()).isZero();
        try (OneSided access =
            new OneSided(server.rdma(), nfs.sessionId(), layout.extents().getFirst())) {
          access.write(300_000, some);
        }
      }
      mounted.unmount();
      mounted.mount();
      assertThat(Files.readAllBytes(local)).isEqualTo(expected);
      assertThat(PmemFileSystem.run("xfs_io", "-r", "-c", "fiemap -v", local.toString()))
          .doesNotContain("hole")
          .doesNotContain("0x8");
    }
  }

  /** Such files are never in DAX state; behind a page cache their bytes have no block. */
  @Test
  void inlineDataIsNotGrantedToAWriter() throws Exception {
    try (Mounted mounted =
        PmemFileSystem.EXT4_INODE.make(List.of("-O", "inline_data", "-I", "512"))) {
      PmemFileSystem.run("xfs_io", "-c", "chattr -x", mounted.root().toString());
      Path local = mounted.root().resolve("small");
      Files.write(local, "few bytes".getBytes(StandardCharsets.US_ASCII));
      PmemFileSystem.run("sync");
      assertThat(PmemFileSystem.run("xfs_io", "-r", "-c", "fiemap -v", local.toString()))
          .as("FIEMAP_EXTENT_DATA_INLINE")
          .containsPattern("0x[0-9a-f]*[2367abef][0-9a-f]{2}\\b");
      try (ServerOnPmem server = ServerOnPmem.start("", mounted);
          RawNfs nfs = RawNfs.connect(server.nfs(), "inline")) {
        RawNfs.OpenFile file = nfs.open(ServerOnPmem.nameOf(mounted), "small");

        assertThat(nfs.layoutGet(file, file.stateid(), Op.IOMODE_RW, 0, 9).status()).isNotZero();
      }
    }
  }

  @Test
  void delayedBlocksAreGrantedOnceTheyAreThere() throws Exception {
    byte[] data = random(BYTES, 6);
    try (Mounted mounted = PmemFileSystem.XFS_REFLINK_INODE.make()) {
      PmemFileSystem.run("xfs_io", "-c", "chattr -x", mounted.root().toString());
      Path local = Files.write(mounted.root().resolve("delayed"), data);
      try (ServerOnPmem server = ServerOnPmem.start("", mounted);
          SelkieClient client = connect(server);
          DirectFile file = create(client, mounted, "delayed")) {
        byte[] back = new byte[BYTES];
        assertThat(file.read(MemorySegment.ofArray(back), 0)).isEqualTo(BYTES);
        assertThat(back).isEqualTo(data);
        Arrays.fill(back, (byte) 9);
        file.write(MemorySegment.ofArray(back), 0);
        file.sync();
        assertThat(client.counters().nfsBytes()).isZero();
        assertThat(Files.readAllBytes(local)).isEqualTo(back);
      }
    }
  }
}
