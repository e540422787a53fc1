package io.selkie.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.Sealer.Purpose;
import io.selkie.posix.CacheLines;
import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: what a commit costs. Where the mapping is the storage it is the write-back of cache lines,
 * and no call that syncs; elsewhere it is fdatasync. Bad storage is an error and no end of the
 * process.
 *
 * <p>Method: real files and leases, calls counted; DAX is pretended.
 */
@Timeout(120)
class DurabilityTest {
  private static final int BYTES = 64 * 1024;

  private final PretendedDax dax = new PretendedDax();
  private RealRig rig;

  @BeforeEach
  void start() throws Exception {
    assertThat(CacheLines.detect().whyNot()).isEmpty();
  }

  @AfterEach
  void stop() throws Exception {
    rig.close();
  }

  @Test
  void whereTheMappingIsTheStorageNothingSyncs() throws Exception {
    Seal seal = sealed(true);
    seal.mapping().set(ValueLayout.JAVA_BYTE, 5000, (byte) 1);
    dax.forget();

    assertThat(seal.flush(new ByteRange(0, BYTES))).isZero();

    assertThat(syncs()).isZero();
    assertThat(dax.count("populateRead")).isEqualTo(1);
    seal.release();
  }

  @Test
  void behindAPageCacheItIsOneFdatasync() throws Exception {
    Seal seal = sealed(false);
    seal.mapping().set(ValueLayout.JAVA_BYTE, 5000, (byte) 1);
    dax.forget();

    assertThat(seal.flush(new ByteRange(0, BYTES))).isZero();

    assertThat(dax.count("fdatasync")).isEqualTo(1);
    assertThat(syncs()).isEqualTo(1);
    seal.release();
  }

  @Test
  void pagesThatCannotBeHadAreAnErrorAndTheProcessLives() throws Exception {
    Seal seal = sealed(true);
    // Through its own description, which no lease minds.
    assertThat(rig.kernel.ftruncate(seal.target().fd(), 8192)).isZero();

    assertThat(seal.flush(new ByteRange(16384, 4096))).isEqualTo(Errno.EIO.result());
    assertThat(seal.flush(new ByteRange(0, BYTES))).isEqualTo(Errno.EIO.result());
    assertThat(seal.flush(new ByteRange(0, 8192))).isZero();
    seal.release();
  }

  @Test
  void aPageThatGoesBetweenTheLookAndTheWriteBackIsAnErrorToo() throws Exception {
    Kernel real = new LinuxKernel();
    var sealed = new AtomicReference<Seal>();
    Kernel cutting =
        JavaProcess.intercepting(
            real,
            (call, _) -> {
              if (call.equals("populateRead") && sealed.get() != null) {
                int _ = real.ftruncate(sealed.get().target().fd(), 8192);
              }
            });
    rig = new RealRig(dax.on(cutting));
    Path file = rig.file("sealed.bin", BYTES);
    Seal seal = rig.sealed(rig.open(file, true), Purpose.READ_WRITE).seal();
    sealed.set(seal);

    assertThat(seal.flush(new ByteRange(0, BYTES))).isEqualTo(Errno.EIO.result());
    assertThat(seal.flush(new ByteRange(0, 8192))).isZero();
    seal.release();
  }

  private int syncs() {
    return dax.count("fsync") + dax.count("fdatasync") + dax.count("msync");
  }

  private Seal sealed(boolean pretend) throws Exception {
    rig = new RealRig(pretend ? dax.on(new LinuxKernel()) : dax.countingOnly(new LinuxKernel()));
    Path file = rig.file("sealed.bin", BYTES);
    return rig.sealed(rig.open(file, true), Purpose.READ_WRITE).seal();
  }
}
