package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: the kernel itself decides what a user may do. Method: where this test runs as root, real
 * users on a real file system; elsewhere the same calls with identities that are not the kernel's,
 * of which only can be seen whose they were.
 */
@Timeout(120)
class ActingKernelTest {

  private static final FsUser ALICE = FsUser.of(7001, 7001, 7100);
  private static final FsUser BOB = FsUser.of(7002, 7002);
  private static final boolean ROOT = new LinuxKernel().effectiveUid() == 0;

  private final LinuxKernel real = new LinuxKernel();
  private final FakeCredentials fake = new FakeCredentials();
  private ActingKernel kernel;
  private int dir;

  @TempDir(factory = RealFileSystem.class)
  private Path directory;

  @BeforeEach
  void start() throws IOException {
    // As whom files are made is what is looked at, so nothing may be hidden above them.
    FsIdentity identity =
        ROOT
            ? FsIdentity.of(new LinuxThreadCredentials(), 0, real.effectiveGid())
            : FsIdentity.of(fake, 0, 0);
    kernel = new ActingKernel(real, Optional.of(identity));
    dir =
        real.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(directory.toString()),
            OpenFlags.RDONLY | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            0);
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
  }

  @AfterEach
  void stop() {
    real.close(dir);
  }

  private interface Call {
    long make();
  }

  private long as(FsUser user, Call call) {
    kernel.begin(user, false);
    try {
      long result = call.make();
      assertThat(fake.fsUid).isZero();
      return result;
    } finally {
      kernel.end();
    }
  }

  private FileStatus stat(String name) {
    FileStatus status = new FileStatus();
    assertThat(real.statx(dir, Names.bytes(name), 0, FileStatus.MASK_ALL, status)).isZero();
    return status;
  }

  @Test
  void whatAUserMakesIsItsOwn() {
    as(ALICE, () -> kernel.mkdirat(dir, Names.bytes("d"), 0755));
    int fd = (int) as(ALICE, () -> create("f", 0640));
    real.close(fd);
    if (ROOT) {
      assertThat(stat("d").uid()).isEqualTo(7001);
      assertThat(stat("d").gid()).isEqualTo(7001);
      assertThat(stat("f").uid()).isEqualTo(7001);
    } else {
      assertThat(fake.changes).contains("uid 7001", "gid 7001", "groups [7100]", "uid 0");
    }
    assertThat(stat("f").permissions()).isEqualTo(0640);
  }

  private int create(String name, int mode) {
    return kernel.openat2(
        dir,
        Names.bytes(name),
        OpenFlags.RDWR | OpenFlags.CREAT | OpenFlags.EXCL | OpenFlags.CLOEXEC,
        mode,
        0);
  }

  @Test
  void whatAUserMayNotIsRefusedByTheKernel() {
    int fd = (int) as(ALICE, () -> create("f", 0600));
    long open = as(BOB, () -> kernel.openat2(dir, Names.bytes("f"), OpenFlags.RDONLY, 0, 0));
    long chmod = as(BOB, () -> kernel.fchmod(fd, 0666));
    long give = as(ALICE, () -> kernel.fchown(fd, 7002, -1));
    long join = as(ALICE, () -> kernel.fchown(fd, -1, 7100));
    long access = as(BOB, () -> kernel.faccess(fd, AccessModes.READ));
    long device =
        as(ALICE, () -> kernel.mknodat(dir, Names.bytes("n"), FileStatus.TYPE_BLOCK_DEVICE, 1, 2));
    assertThat(device).isEqualTo(Errno.EPERM.result());
    if (ROOT) {
      assertThat(open).isEqualTo(Errno.EACCES.result());
      assertThat(chmod).isEqualTo(Errno.EPERM.result());
      assertThat(give).isEqualTo(Errno.EPERM.result());
      assertThat(join).isZero();
      assertThat(stat("f").gid()).isEqualTo(7100);
      assertThat(access).isEqualTo(Errno.EACCES.result());
    } else {
      assertThat(fake.changes).contains("uid 7002", "groups []");
    }
    real.close(fd);
  }

  @Test
  void writingClearsTheSetUserIdBitButNotForRoot() {
    int fd = (int) as(ALICE, () -> create("f", 0755));
    real.fchmod(fd, 04755);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(1);
      as(FsUser.of(real.effectiveUid(), real.effectiveGid()), () -> kernel.pwrite(fd, data, 0));
      boolean kept = ROOT;
      assertThat(stat("f").permissions()).isEqualTo(kept ? 04755 : 0755);
      real.fchmod(fd, 04755);
      as(ALICE, () -> kernel.pwrite(fd, data, 0));
      assertThat(stat("f").permissions()).isEqualTo(0755);
    }
    real.close(fd);
  }

  @Test
  void readingThroughADescriptorChangesNothing() {
    int fd = create(real, "f");
    fake.changes.clear();
    kernel.begin(ALICE, false);
    try (Arena arena = Arena.ofConfined()) {
      assertThat(kernel.pread(fd, arena.allocate(4), 0)).isZero();
      assertThat(
              kernel.statx(
                  fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, new FileStatus()))
          .isZero();
      assertThat(kernel.fsync(fd)).isZero();
    } finally {
      kernel.end();
    }
    assertThat(fake.changes).isEmpty();
    real.close(fd);
  }

  private int create(Kernel with, String name) {
    return with.openat2(
        dir, Names.bytes(name), OpenFlags.RDWR | OpenFlags.CREAT | OpenFlags.CLOEXEC, 0600, 0);
  }

  @Test
  void threadThatWorksForNobodyMayNot() {
    assertThatThrownBy(() -> kernel.mkdirat(dir, Names.bytes("d"), 0700))
        .isInstanceOf(IllegalStateException.class);
    kernel.begin(ALICE, false);
    assertThatThrownBy(() -> kernel.begin(BOB, false)).isInstanceOf(IllegalStateException.class);
    kernel.end();
    assertThatThrownBy(() -> kernel.mkdirat(dir, Names.bytes("d"), 0700))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void whoMayOnlyReadChangesNothing() {
    int fd = create(real, "f");
    real.fchmod(fd, 0666);
    kernel.begin(ALICE, true);
    try (Arena arena = Arena.ofConfined()) {
      int readOnly = Errno.EROFS.result();
      assertThat(kernel.pwrite(fd, arena.allocate(1), 0)).isEqualTo(readOnly);
      assertThat(kernel.ftruncate(fd, 5)).isEqualTo(readOnly);
      assertThat(kernel.mkdirat(dir, Names.bytes("d"), 0700)).isEqualTo(readOnly);
      assertThat(kernel.unlinkat(dir, Names.bytes("f"), 0)).isEqualTo(readOnly);
      assertThat(kernel.fchmod(fd, 0)).isEqualTo(readOnly);
      assertThat(create("g", 0600)).isEqualTo(readOnly);
      assertThat(kernel.faccess(fd, AccessModes.WRITE)).isEqualTo(readOnly);
      assertThat(kernel.faccess(fd, AccessModes.READ)).isZero();
      int again = kernel.openat2(dir, Names.bytes("f"), OpenFlags.RDONLY, 0, 0);
      assertThat(again).isNotNegative();
      real.close(again);
      assertThat(kernel.mayAll()).isFalse();
    } finally {
      kernel.end();
    }
    assertThat(stat("f").size()).isZero();
    real.close(fd);
  }

  @Test
  void withoutPrivilegesEverybodyIsTheServersOwnUser() {
    ActingKernel plain = new ActingKernel(real, Optional.empty());
    plain.begin(ALICE, false);
    try {
      assertThat(plain.isPrivileged()).isFalse();
      assertThat(plain.mayAll()).isTrue();
      assertThat(plain.mkdirat(dir, Names.bytes("d"), 0700)).isZero();
    } finally {
      plain.end();
    }
    assertThat(stat("d").uid()).isEqualTo(real.effectiveUid());
  }
}
