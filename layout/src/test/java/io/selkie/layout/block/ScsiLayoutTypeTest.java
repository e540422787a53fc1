package io.selkie.layout.block;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADXDR;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.layout.LayoutHandle;
import io.selkie.layout.LayoutType.LayoutTypeException;
import io.selkie.layout.LayoutType.PlannedPart;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.BlockVolume;
import io.selkie.lease.ByteRange;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.PageCache;
import io.selkie.lease.ScsiDesignator;
import io.selkie.lease.ScsiUnit;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.StorageCommit;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.protocol.layout.block.ScsiDeviceAddr4;
import io.selkie.protocol.layout.block.ScsiLayoutUpdate4;
import io.selkie.protocol.layout.block.Volume4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Goal: clients are told what the disk is, and the page cache never stands before what they do. */
class ScsiLayoutTypeTest {

  private static final int BLOCK = 4096;
  private static final int FD = 11;

  private final List<String> calls = new ArrayList<>();
  private final ArrayDeque<Runnable> handedOn = new ArrayDeque<>();
  private final ArrayDeque<Runnable> fencing = new ArrayDeque<>();
  private final ArrayDeque<Runnable> later = new ArrayDeque<>();
  private final Set<Long> registered = new HashSet<>();
  private long cachedPages;
  private long lastKey = 1000;

  private final ScsiUnit unit =
      new ScsiUnit() {
        @Override
        public ScsiDesignator designator() {
          return new ScsiDesignator(1, 3, ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5, 6, 7, 8}));
        }

        @Override
        public Set<Long> keys() {
          return Set.copyOf(registered);
        }

        @Override
        public void preempt(long key) {
          registered.remove(key);
        }

        @Override
        public String describe() {
          return "disk";
        }
      };

  private final ScsiLayoutType type = type();

  private ScsiLayoutType type() {
    Kernel kernel =
        answering(
            Kernel.class,
            (name, arguments) ->
                switch (name) {
                  case "fdatasync" -> 0;
                  case "fadvise" -> 0;
                  case "cachedPages" -> cachedPages;
                  default -> throw new IllegalArgumentException(name);
                });
    BlockVolume volume =
        new BlockVolume(7, Path.of("/dev/fake"), "xfs", -1, 32, ByteBuffer.wrap(new byte[16]));
    return new ScsiLayoutType(
        List.of(new ScsiLayoutType.Disk(volume, unit, fencing::add, handedOn::add)),
        new StorageCommit(kernel, LeaseSettings.defaults()),
        new PageCache(kernel),
        () -> 0,
        (_, task) -> {
          later.add(task);
          return () -> false;
        },
        1,
        2,
        () -> ++lastKey,
        () -> 77,
        FenceTrouble.UNHEARD);
  }

  private interface Answers {
    Object of(String name, Object[] arguments);
  }

  private <T> T answering(Class<T> kind, Answers answers) {
    return kind.cast(
        Proxy.newProxyInstance(
            kind.getClassLoader(),
            new Class<?>[] {kind},
            (_, method, arguments) -> {
              calls.add(method.getName());
              return answers.of(method.getName(), arguments);
            }));
  }

  private final SealTarget target =
      answering(SealTarget.class, (name, _) -> name.equals("fd") ? FD : "file");

  private final Seal seal = answering(Seal.class, (_, _) -> target);

  private StorageLayoutType.ExtentHandle open(long client, int ioMode) throws LayoutTypeException {
    return open(client, ioMode, 0);
  }

  private StorageLayoutType.ExtentHandle open(long client, int ioMode, int block)
      throws LayoutTypeException {
    long offset = (long) block * BLOCK;
    ByteRange range = new ByteRange(offset, BLOCK);
    BlockMap map =
        new BlockMap(7, range, List.of(new Extent(offset, 100L * BLOCK + offset, BLOCK, 0)));
    LayoutHandle handle = type.open(client, seal, new PlannedPart(range, map), ioMode);
    calls.clear();
    return (StorageLayoutType.ExtentHandle) handle;
  }

  private void work() {
    while (!fencing.isEmpty() || !handedOn.isEmpty()) {
      (fencing.isEmpty() ? handedOn : fencing).remove().run();
    }
  }

  @Test
  void eachClientHasADeviceAndAKeyOfItsOwn() throws Exception {
    DeviceId4 one = open(1, LAYOUTIOMODE4_RW).volumeId();
    DeviceId4 other = open(2, LAYOUTIOMODE4_READ).volumeId();
    assertThat(one).isNotEqualTo(other);
    assertThat(open(1, LAYOUTIOMODE4_READ).volumeId()).isEqualTo(one);

    ByteBuffer body = type.deviceAddress(one, 1, "host").orElseThrow();
    assertThat(ScsiDeviceAddr4.decode(new XdrReader(body)).volumes())
        .containsExactly(new Volume4.Base(1, 3, new byte[] {1, 2, 3, 4, 5, 6, 7, 8}, 1001));
    assertThat(type.deviceAddress(new DeviceId4(77, 999), 1, "host")).isEmpty();
    assertThat(type.deviceAddress(new DeviceId4(78, 1001), 1, "host")).as("another boot").isEmpty();
  }

  @Test
  void aFenceEndsKeyAndDeviceAndThenTheCacheIsDropped() throws Exception {
    StorageLayoutType.ExtentHandle handle = open(1, LAYOUTIOMODE4_RW);
    type.deviceAddress(handle.volumeId(), 1, "host");
    registered.add(lastKey);

    CompletableFuture<Void> dead = handle.revoke().toCompletableFuture();
    assertThat(dead).isNotDone();
    fencing.remove().run();
    assertThat(registered).isEmpty();
    assertThat(dead).as("the page cache is of before").isNotDone();
    work();

    assertThat(dead).isCompleted();
    assertThat(calls).containsSubsequence("fdatasync", "fadvise", "cachedPages");
    assertThat(type.deviceAddress(handle.volumeId(), 1, "host")).isEmpty();
    assertThatThrownBy(() -> open(1, LAYOUTIOMODE4_READ))
        .isInstanceOf(LayoutTypeException.class)
        .hasMessageContaining("was fenced");
  }

  @Test
  void whatStaysInTheCacheKeepsTheHandleAliveUntilItIsGone() throws Exception {
    StorageLayoutType.ExtentHandle handle = open(1, LAYOUTIOMODE4_RW);
    cachedPages = 1;
    CompletableFuture<Void> dead = handle.invalidate().toCompletableFuture();
    work();
    assertThat(dead).isNotDone();
    later.remove().run();
    work();
    assertThat(dead).as("nor the second time").isNotDone();

    cachedPages = 0;
    assertThat(handle.revoke().toCompletableFuture()).as("asked for anew").isNotDone();
    later.remove().run();
    work();
    assertThat(dead).isCompleted();
    assertThat(handle.invalidate().toCompletableFuture()).isCompleted();
    assertThat(later).isEmpty();
  }

  @Test
  void whatEndsTogetherIsWrittenBackOnceAndDroppedByRanges() throws Exception {
    List<StorageLayoutType.ExtentHandle> handles = new ArrayList<>();
    for (int block : new int[] {2, 9, 0, 1}) {
      handles.add(open(1, LAYOUTIOMODE4_RW, block));
    }
    List<CompletableFuture<Void>> dead =
        handles.stream().map(handle -> handle.invalidate().toCompletableFuture()).toList();
    assertThat(handedOn).as("one task").hasSize(1);
    work();
    assertThat(dead).allMatch(CompletableFuture::isDone);
    assertThat(calls).filteredOn("fdatasync"::equals).hasSize(1);
    assertThat(calls).filteredOn("fadvise"::equals).hasSize(2);
  }

  @Test
  void aClientThatWentInTheMiddleOfAGrantGetsNothing() {
    type.clientGone(1);
    assertThatThrownBy(() -> open(1, LAYOUTIOMODE4_RW))
        .isInstanceOf(LayoutTypeException.class)
        .hasMessageContaining("is gone");
    assertThat(type.deviceAddress(new DeviceId4(77, lastKey), 1, "host")).isEmpty();
  }

  @Test
  void whoOnlyReadLeavesTheCacheAlone() throws Exception {
    StorageLayoutType.ExtentHandle handle = open(1, LAYOUTIOMODE4_READ);
    assertThat(handle.invalidate().toCompletableFuture()).isCompleted();
    assertThat(calls).doesNotContain("fadvise");
  }

  @Test
  void beforeAGrantTheDiskHasWhatWasWrittenAndForWritersTheCacheIsEmpty() {
    ByteRange range = new ByteRange(0, BLOCK);
    type.settleSoon(target);
    assertThat(calls).contains("fdatasync").doesNotContain("fadvise");
    calls.clear();
    assertThat(type.settle(seal, range, LAYOUTIOMODE4_READ)).isEmpty();
    assertThat(calls).contains("fdatasync").doesNotContain("fadvise");
    assertThat(type.settle(seal, range, LAYOUTIOMODE4_RW)).isEmpty();
    cachedPages = 1;
    assertThat(type.settle(seal, range, LAYOUTIOMODE4_RW).orElseThrow())
        .contains(Errno.EBUSY.name());
  }

  private int check(ScsiLayoutUpdate4.Range... ranges) {
    ByteBuffer body = ByteBuffer.allocate(4096);
    new ScsiLayoutUpdate4(List.of(ranges)).encode(new XdrWriter(body));
    return type.checkUpdate(body.flip(), List.of(new ByteRange(0, 10L * BLOCK)));
  }

  @Test
  void commitsMustBeSortedWholeBlocksThatAreHeld() {
    assertThat(check()).isEqualTo(NFS4_OK);
    assertThat(
            check(new ScsiLayoutUpdate4.Range(0, BLOCK), new ScsiLayoutUpdate4.Range(BLOCK, BLOCK)))
        .isEqualTo(NFS4_OK);
    assertThat(check(new ScsiLayoutUpdate4.Range(1, BLOCK))).isEqualTo(NFS4ERR_INVAL);
    assertThat(check(new ScsiLayoutUpdate4.Range(10L * BLOCK, BLOCK))).isEqualTo(NFS4ERR_INVAL);
    assertThat(
            check(new ScsiLayoutUpdate4.Range(BLOCK, BLOCK), new ScsiLayoutUpdate4.Range(0, BLOCK)))
        .isEqualTo(NFS4ERR_INVAL);
    assertThat(type.checkUpdate(ByteBuffer.wrap(new byte[] {1, 2}), List.of()))
        .isEqualTo(NFS4ERR_BADXDR);
  }

  @Test
  void nothingIsLeftRegisteredOfAClientThatIsGone() throws Exception {
    StorageLayoutType.ExtentHandle handle = open(1, LAYOUTIOMODE4_RW);
    type.deviceAddress(handle.volumeId(), 1, "host");
    registered.add(lastKey);
    type.clientGone(1);
    work();
    assertThat(registered).isEmpty();
    assertThat(type.isGone(1)).isTrue();
  }
}
