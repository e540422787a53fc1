package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.Neighbours.Act;
import io.selkie.lease.PmemFileSystem.Mounted;
import io.selkie.posix.Errno;
import io.selkie.posix.FallocateModes;
import io.selkie.posix.Kernel;
import io.selkie.posix.LeaseType;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.MapFlags;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Goal: every row of the design's table of leases, for both kinds of lease, on each file system
 * with DAX: who breaks, who waits, and who goes through unseen.
 *
 * <p>Method: the lease is taken by {@link LeaseKeeper} on one description; what is in the table is
 * done by other processes.
 */
@ParameterizedClass(name = "{0}")
@EnumSource(PmemFileSystem.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(300)
class LeaseTableOnPmem {
  private static final int BYTES = 64 * 1024;
  private static final int WAIT_SECONDS = 120;

  /** Each opens the file for reading only, whatever it does then. */
  private static final Set<Act> READERS =
      EnumSet.of(Act.READ, Act.CLONE_FROM, Act.DEDUPE, Act.COPY);

  private static final Set<Act> SHARING = EnumSet.of(Act.CLONE_FROM, Act.DEDUPE, Act.COPY);

  @Parameter PmemFileSystem type;

  private final Kernel kernel = new LinuxKernel();
  private Mounted mounted;
  private Neighbours neighbours;
  private RealRig rig;
  private LeaseKeeper keeper;
  private int files;
  private Path file;
  private Path twin;
  private RealTarget target;
  private Holder holder;

  /** Holds a lease and counts what it hears. */
  private static final class Holder implements LeaseHolder {
    private final SealTarget target;
    private final BlockingQueue<Long> breaks = new LinkedBlockingQueue<>();

    Holder(SealTarget target) {
      this.target = target;
    }

    @Override
    public void onLeaseBreak(long seenAtNanos) {
      breaks.add(seenAtNanos);
    }

    @Override
    public SealTarget target() {
      return target;
    }
  }

  @BeforeParameterizedClassInvocation
  void make() throws Exception {
    mounted = type.make();
    neighbours = new Neighbours();
    rig = new RealRig();
    keeper = rig.runtime.keeper();
  }

  @AfterParameterizedClassInvocation
  void unmake() throws Exception {
    neighbours.close();
    rig.close();
    mounted.close();
  }

  @BeforeEach
  void write() throws IOException {
    // New ones each time, so that what one test leaves behind is not another one's.
    files++;
    file = Files.write(mounted.root().resolve("leased" + files), content());
    twin = Files.write(mounted.root().resolve("twin" + files), content());
  }

  @AfterEach
  void letGo() throws Exception {
    int left = keeper.size();
    if (left > 0) {
      keeper.giveUp(target.fd(), holder);
    }
    if (target != null) {
      target.close();
      target = null;
    }
    neighbours.endHolders();
    assertThat(left).as("leases left").isZero();
  }

  private static byte[] content() {
    byte[] content = new byte[BYTES];
    for (int i = 0; i < BYTES; i++) {
      content[i] = (byte) (i * 31 + 7);
    }
    return content;
  }

  /** An exclusive one as the server has it: on a description that can write. */
  private int take(LeaseType lease) {
    target = new RealTarget(kernel, file, lease == LeaseType.WRITE);
    holder = new Holder(target);
    return keeper.take(target.fd(), lease, holder).result();
  }

  private void giveUp() {
    assertThat(keeper.giveUp(target.fd(), holder)).isZero();
  }

  @ParameterizedTest(name = "{0} breaks an exclusive lease and waits")
  @EnumSource(
      names = {
        "READ",
        "CLONE_FROM",
        "DEDUPE",
        "COPY",
        "WRITE",
        "BOTH",
        "CUT",
        "TRUNCATE",
        "TRUNCATE_SAME"
      })
  void breaksAnExclusiveLeaseAndWaits(Act act) throws Exception {
    assertThat(take(LeaseType.WRITE)).isZero();
    assertBreaksAndWaits(act, LeaseType.WRITE);
  }

  @ParameterizedTest(name = "{0} breaks a shared lease and waits")
  @EnumSource(names = {"WRITE", "BOTH", "CUT", "TRUNCATE", "TRUNCATE_SAME"})
  void breaksASharedLeaseAndWaits(Act act) throws Exception {
    assertThat(take(LeaseType.READ)).isZero();
    assertBreaksAndWaits(act, LeaseType.READ);
  }

  private void assertBreaksAndWaits(Act act, LeaseType lease) throws Exception {
    Neighbours.Doing doing = neighbours.begin(act, file, twin);

    assertThat(holder.breaks.poll(WAIT_SECONDS, TimeUnit.SECONDS)).as("a break").isNotNull();
    assertThat(doing.isUnderWay()).as("it waits").isTrue();
    assertThat(Files.size(file)).isEqualTo(BYTES);
    // What the breaker wants: readers leave room for readers, where the holder is one too.
    LeaseType wanted = READERS.contains(act) ? LeaseType.READ : LeaseType.NONE;
    assertThat(kernel.getLease(target.fd())).isEqualTo(wanted.number());
    if (lease == LeaseType.WRITE) {
      assertThat(Errno.EAGAIN.is(kernel.setLease(target.fd(), LeaseType.READ)))
          .as("no downgrade of a description that writes")
          .isTrue();
    }
    giveUp();

    assertThat(doing.result()).isEqualTo(expected(act));
  }

  /** What it comes to once it goes on: blocks are shared only where the file system can. */
  private String expected(Act act) {
    if (!SHARING.contains(act) || type.reflinks()) {
      return "ok";
    }
    return act == Act.COPY ? "EIO" : "ENOTSUP";
  }

  @ParameterizedTest(name = "{0} gets EAGAIN from an exclusive lease and breaks it")
  @EnumSource(names = {"READ_NONBLOCK", "WRITE_NONBLOCK"})
  void whoWillNotWaitIsRefusedAndStillBreaks(Act act) throws Exception {
    assertThat(take(LeaseType.WRITE)).isZero();

    assertThat(neighbours.begin(act, file, twin).result()).isEqualTo("EAGAIN");
    assertThat(holder.breaks.poll(WAIT_SECONDS, TimeUnit.SECONDS)).as("a break").isNotNull();
    giveUp();
    assertThat(neighbours.begin(act, file, twin).result()).isEqualTo("ok");
  }

  @Test
  void aWriterThatWillNotWaitIsRefusedByASharedLeaseAndBreaksIt() throws Exception {
    assertThat(take(LeaseType.READ)).isZero();

    assertThat(neighbours.begin(Act.WRITE_NONBLOCK, file, twin).result()).isEqualTo("EAGAIN");
    assertThat(holder.breaks.poll(WAIT_SECONDS, TimeUnit.SECONDS)).as("a break").isNotNull();
    giveUp();
  }

  @ParameterizedTest(name = "{0} goes through a shared lease unseen")
  @EnumSource(names = {"READ", "READ_NONBLOCK", "CLONE_FROM", "DEDUPE", "COPY"})
  void goesThroughASharedLeaseUnseen(Act act) throws Exception {
    assertThat(take(LeaseType.READ)).isZero();

    assertThat(neighbours.begin(act, file, twin).result()).isEqualTo(expected(act));

    assertUnseen();
  }

  @ParameterizedTest(name = "{0} breaks neither")
  @EnumSource(names = {"PATH", "STAT", "CHMOD", "UTIMES", "RENAME", "LINK", "UNLINK"})
  void breaksNeither(Act act) throws Exception {
    for (LeaseType lease : List.of(LeaseType.READ, LeaseType.WRITE)) {
      write();
      assertThat(take(lease)).isZero();

      assertThat(neighbours.begin(act, file, twin).result()).isEqualTo("ok");

      assertUnseen();
      target.close();
      target = null;
    }
  }

  private void assertUnseen() {
    assertThat(keeper.isBreaking(target.fd(), holder)).isFalse();
    assertThat(holder.breaks).isEmpty();
    giveUp();
  }

  @Test
  void theMapChangesUnseenUnderASharedLeaseOnlyWhereBlocksAreShared() throws Exception {
    assertThat(take(LeaseType.READ)).isZero();
    var reader = new BlockMapReader(kernel, 64, 1024);
    var range = new ByteRange(0, BYTES);
    long device = target.identity().device();
    var before = (BlockMapReader.MapRead.Found) reader.read(target.fd(), device, range);

    assertThat(neighbours.begin(Act.DEDUPE, file, twin).result()).isEqualTo(expected(Act.DEDUPE));

    var after = (BlockMapReader.MapRead.Found) reader.read(target.fd(), device, range);
    assertThat(MapDifference.exact(before.map(), after.map()).isPresent())
        .isEqualTo(type.reflinks());
    assertUnseen();
  }

  @ParameterizedTest(name = "{0} and an exclusive lease")
  @EnumSource(names = {"HOLD_READ", "HOLD_WRITE", "HOLD_MAPPING", "HOLD_PATH"})
  void othersPreventAnExclusiveLeaseButNotWithOpath(Act act) throws Exception {
    assertThat(neighbours.begin(act, file, twin).result()).isEqualTo("ok");
    int result = take(LeaseType.WRITE);
    if (act == Act.HOLD_PATH) {
      assertThat(result).isZero();
      giveUp();
    } else {
      assertThat(Errno.EAGAIN.is(result)).isTrue();
    }
  }

  @ParameterizedTest(name = "{0} and a shared lease")
  @EnumSource(names = {"HOLD_READ", "HOLD_WRITE"})
  void readersAllowASharedLeaseAndWritersDoNot(Act act) throws Exception {
    assertThat(neighbours.begin(act, file, twin).result()).isEqualTo("ok");
    int result = take(LeaseType.READ);
    if (act == Act.HOLD_READ) {
      assertThat(result).isZero();
      giveUp();
    } else {
      assertThat(Errno.EAGAIN.is(result)).isTrue();
    }
  }

  @Test
  void whatTheHolderDoesThroughItsDescriptionBreaksNothing() throws Exception {
    assertThat(take(LeaseType.WRITE)).isZero();
    int fd = target.fd();
    long address =
        kernel.mmap(
            fd,
            0,
            BYTES,
            MapFlags.PROT_READ | MapFlags.PROT_WRITE,
            MapFlags.SHARED_VALIDATE | MapFlags.SYNC);
    assertThat(address).as("MAP_SYNC under the lease").isNotNegative();

    assertThat(kernel.ftruncate(fd, BYTES / 2)).isZero();
    assertThat(kernel.ftruncate(fd, BYTES)).isZero();
    assertThat(kernel.fallocate(fd, 0, 0, BYTES)).isZero();
    assertThat(kernel.fallocate(fd, FallocateModes.PUNCH_HOLE | FallocateModes.KEEP_SIZE, 0, 4096))
        .isZero();
    if (type.reflinks()) {
      try (var other = new RealTarget(kernel, twin, true)) {
        assertThat(kernel.cloneRange(other.fd(), 0, BYTES, fd, 0)).isZero();
        assertThat(kernel.cloneRange(fd, 0, BYTES, other.fd(), 0)).isZero();
      }
      assertThat(kernel.fallocate(fd, FallocateModes.UNSHARE_RANGE, 0, BYTES)).isZero();
    }

    assertThat(kernel.munmap(address, BYTES)).isZero();
    assertUnseen();
  }

  @Test
  void anotherDescriptionOfTheHoldersOwnBreaksItsLease() throws Exception {
    assertThat(take(LeaseType.WRITE)).isZero();

    int second =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(file.toString()),
            OpenFlags.RDONLY | OpenFlags.NONBLOCK | OpenFlags.CLOEXEC,
            0,
            0);

    assertThat(Errno.EAGAIN.is(second)).isTrue();
    assertThat(holder.breaks.poll(WAIT_SECONDS, TimeUnit.SECONDS)).as("a break").isNotNull();
    giveUp();
  }
}
