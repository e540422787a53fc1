package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: every call about names and attributes does on the real kernel what it says. */
class LinuxKernelNamesTest {
  private static final long READ_DIRECTORY =
      OpenFlags.RDONLY | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC;
  private static final long BENEATH = ResolveFlags.BENEATH | ResolveFlags.NO_SYMLINKS;

  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final Kernel kernel = new LinuxKernel();
  private final FileStatus status = new FileStatus();
  private int dirFd;

  @BeforeEach
  void openDirectory() {
    dirFd =
        kernel.openat2(Kernel.AT_FDCWD, Names.bytes(directory.toString()), READ_DIRECTORY, 0, 0);
    assertThat(dirFd).isNotNegative();
  }

  @AfterEach
  void closeDirectory() {
    assertThat(kernel.close(dirFd)).isZero();
  }

  @Test
  void openCreatesWithTheModeAskedFor() throws IOException {
    int fd =
        kernel.openat2(
            dirFd,
            Names.bytes("f"),
            OpenFlags.RDWR | OpenFlags.CREAT | OpenFlags.EXCL,
            0600,
            BENEATH);

    assertThat(fd).isNotNegative();
    assertThat(kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status))
        .isZero();
    assertThat(status.isRegular()).isTrue();
    assertThat(status.permissions()).isEqualTo(0600);
    assertThat(status.uid()).isEqualTo(kernel.effectiveUid());
    assertThat(status.inode()).isEqualTo(Files.getAttribute(directory.resolve("f"), "unix:ino"));
    assertThat(kernel.close(fd)).isZero();
    assertThat(kernel.close(fd)).isEqualTo(-9);
  }

  @Test
  void openAnswersErrorsAsValues() {
    byte[] missing = Names.bytes("missing");
    assertThat(kernel.openat2(dirFd, missing, OpenFlags.RDONLY, 0, BENEATH))
        .isEqualTo(Errno.ENOENT.result());
    assertThat(kernel.openat2(dirFd, Names.bytes(".."), OpenFlags.PATH, 0, BENEATH))
        .isEqualTo(Errno.EXDEV.result());
    assertThat(kernel.openat2(dirFd, new byte[] {'a', 0, 'b'}, OpenFlags.PATH, 0, BENEATH))
        .isEqualTo(Errno.EINVAL.result());
    assertThat(kernel.openat2(dirFd, new byte[5000], OpenFlags.PATH, 0, BENEATH))
        .isEqualTo(Errno.ENAMETOOLONG.result());
    assertThat(kernel.openat2(dirFd, missing, OpenFlags.PATH, 0, 1L << 40))
        .isEqualTo(Errno.EINVAL.result());
  }

  @Test
  void openFollowsNoSymbolicLinkWhenForbidden() {
    assertThat(kernel.symlinkat(Names.bytes("/etc"), dirFd, Names.bytes("link"))).isZero();

    assertThat(kernel.openat2(dirFd, Names.bytes("link/passwd"), OpenFlags.PATH, 0, BENEATH))
        .isEqualTo(Errno.ELOOP.result());
    byte[] target = new byte[100];
    assertThat(kernel.readlinkat(dirFd, Names.bytes("link"), target)).isEqualTo(4);
    assertThat(target).startsWith('/', 'e', 't', 'c');
    int fd =
        kernel.openat2(dirFd, Names.bytes("link"), OpenFlags.PATH | OpenFlags.NOFOLLOW, 0, BENEATH);
    assertThat(kernel.readlinkat(fd, Names.empty(), target)).isEqualTo(4);
    assertThat(kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status))
        .isZero();
    assertThat(status.isSymbolicLink()).isTrue();
    kernel.close(fd);
  }

  @Test
  void namesAreMadeMovedLinkedAndRemoved() {
    assertThat(kernel.mkdirat(dirFd, Names.bytes("d"), 0700)).isZero();
    assertThat(kernel.mkdirat(dirFd, Names.bytes("d"), 0700)).isEqualTo(Errno.EEXIST.result());
    assertThat(kernel.mknodat(dirFd, Names.bytes("p"), FileStatus.TYPE_FIFO | 0600, 0, 0)).isZero();
    assertThat(kernel.linkat(dirFd, Names.bytes("p"), dirFd, Names.bytes("q"), 0)).isZero();
    assertThat(
            kernel.renameat2(
                dirFd, Names.bytes("q"), dirFd, Names.bytes("p2"), RenameFlags.NOREPLACE))
        .isZero();
    assertThat(
            kernel.renameat2(
                dirFd, Names.bytes("p2"), dirFd, Names.bytes("d"), RenameFlags.NOREPLACE))
        .isEqualTo(Errno.EEXIST.result());
    assertThat(directory.resolve("p2")).exists();
    assertThat(kernel.statx(dirFd, Names.bytes("p2"), 0, FileStatus.MASK_ALL, status)).isZero();
    assertThat(status.type()).isEqualTo(FileStatus.TYPE_FIFO);
    assertThat(status.linkCount()).isEqualTo(2);
    assertThat(kernel.unlinkat(dirFd, Names.bytes("p2"), 0)).isZero();
    assertThat(kernel.unlinkat(dirFd, Names.bytes("d"), 0)).isEqualTo(Errno.EISDIR.result());
    assertThat(kernel.unlinkat(dirFd, Names.bytes("d"), AtFlags.REMOVEDIR)).isZero();
    assertThat(directory.resolve("d")).doesNotExist();
  }

  @Test
  void deviceFilesCarryTheirNumbers() throws IOException {
    boolean may = SystemFacts.of(kernel).capabilities().contains(Capability.CAP_MKNOD);

    int result =
        kernel.mknodat(
            dirFd, Names.bytes("dev"), FileStatus.TYPE_CHARACTER_DEVICE | 0600, 0x123, 0x45678);

    assertThat(result).isEqualTo(may ? 0 : Errno.EPERM.result());
    if (may) {
      kernel.statx(dirFd, Names.bytes("dev"), 0, FileStatus.MASK_ALL, status);
      assertThat(status.rdevMajor()).isEqualTo(0x123);
      assertThat(status.rdevMinor()).isEqualTo(0x45678);
    }
    assertThat(kernel.mknodat(dirFd, Names.bytes("x"), FileStatus.TYPE_BLOCK_DEVICE, 0x1000, 0))
        .isEqualTo(Errno.EINVAL.result());
  }

  @Test
  void directoryIsReadToItsEndAndFromAnyCookie() throws IOException {
    Set<String> made = new HashSet<>();
    for (int i = 0; i < 100; i++) {
      made.add("entry-" + i);
      Files.createFile(directory.resolve("entry-" + i));
    }
    MemorySegment buffer = Arena.ofAuto().allocate(1024, 8);
    var entries = new DirectoryEntries(buffer);
    Set<String> seen = new HashSet<>();
    long cookie = 0;
    int rounds = 0;
    while (true) {
      assertThat(kernel.lseek(dirFd, cookie, SeekWhence.SET)).isEqualTo(cookie);
      int stored = kernel.getdents64(dirFd, buffer);
      if (stored == 0) {
        break;
      }
      assertThat(stored).isPositive();
      entries.reset(stored);
      // Only the first of each batch is taken, so that every cookie has to work.
      assertThat(entries.next()).isTrue();
      if (!entries.isDotOrDotDot()) {
        assertThat(entries.type()).isEqualTo(DirectoryEntries.TYPE_REGULAR);
        assertThat(entries.inode()).isPositive();
        assertThat(seen.add(Names.text(entries.name()))).isTrue();
      }
      cookie = entries.offset();
      rounds++;
    }
    assertThat(seen).isEqualTo(made);
    assertThat(rounds).isEqualTo(102);
  }

  @Test
  void attributesChangeThroughDescriptorsThatAreNotOpen() {
    assertThat(kernel.mknodat(dirFd, Names.bytes("f"), FileStatus.TYPE_REGULAR | 0600, 0, 0))
        .isZero();
    int fd = kernel.openat2(dirFd, Names.bytes("f"), OpenFlags.PATH | OpenFlags.NOFOLLOW, 0, 0);

    assertThat(kernel.fchmod(fd, 0640)).isZero();
    assertThat(kernel.fchown(fd, -1, kernel.effectiveGid())).isZero();
    assertThat(kernel.utimens(fd, 11, 12, 0, FileStatus.UTIME_OMIT)).isZero();
    assertThat(kernel.utimens(fd, 0, FileStatus.UTIME_OMIT, 21, 22)).isZero();
    assertThat(kernel.faccess(fd, AccessModes.READ | AccessModes.WRITE)).isZero();
    assertThat(kernel.faccess(fd, AccessModes.EXECUTE)).isEqualTo(Errno.EACCES.result());

    assertThat(kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status))
        .isZero();
    assertThat(status.permissions()).isEqualTo(0640);
    assertThat(status.gid()).isEqualTo(kernel.effectiveGid());
    assertThat(status.atimeSec()).isEqualTo(11);
    assertThat(status.atimeNsec()).isEqualTo(12);
    assertThat(status.mtimeSec()).isEqualTo(21);
    assertThat(status.mtimeNsec()).isEqualTo(22);
    assertThat(status.ctimeSec()).isGreaterThan(1_000_000_000L);
    kernel.close(fd);
  }

  @Test
  void statusMatchesWhatTheSystemSaysElsewhere() throws IOException {
    Path file = Files.write(directory.resolve("f"), new byte[12345]);

    assertThat(kernel.statx(dirFd, Names.bytes("f"), 0, FileStatus.MASK_ALL, status)).isZero();

    assertThat(status.size()).isEqualTo(12345);
    assertThat(status.device() >>> 32).isEqualTo(status.devMajor());
    var attributes = Files.readAttributes(file, "unix:*", LinkOption.NOFOLLOW_LINKS);
    assertThat(status.mode()).isEqualTo(attributes.get("mode"));
    assertThat(status.linkCount()).isEqualTo(attributes.get("nlink"));
    assertThat(status.blocks() * 512).isGreaterThanOrEqualTo(12345);
    var mount = SystemFacts.of(kernel).mountOf(status);
    assertThat(mount).isPresent();
    assertThat(directory.toString()).startsWith(mount.get().mountPoint());
    assertThat(mount.get().fileSystemType()).isEqualTo(Files.getFileStore(file).type());
  }

  @Test
  void fileSystemStatusMatchesTheFileStore() throws IOException {
    var fileSystem = new FileSystemStatus();

    assertThat(kernel.fstatfs(dirFd, fileSystem)).isZero();

    var store = Files.getFileStore(directory);
    assertThat(fileSystem.blocks() * fileSystem.fragmentSize()).isEqualTo(store.getTotalSpace());
    assertThat(fileSystem.nameMaxBytes()).isEqualTo(255);
    assertThat(fileSystem.blocksAvailable()).isLessThanOrEqualTo(fileSystem.blocksFree());
    assertThat(kernel.fstatfs(-1, fileSystem)).isEqualTo(Errno.EBADF.result());
  }

  @Test
  void handleNamesTheSameInodeAgain() throws IOException {
    Files.write(directory.resolve("f"), new byte[3]);
    int fd = kernel.openat2(dirFd, Names.bytes("f"), OpenFlags.PATH, 0, BENEATH);
    var handle = new FileHandleBytes();
    var again = new FileHandleBytes();

    assertThat(kernel.nameToHandle(fd, handle)).isZero();
    assertThat(handle.length()).isPositive();
    again.set(handle.type(), handle.toBytes(), 0, handle.length(), handle.mountId());
    assertThat(again.digest()).isEqualTo(handle.digest());
    assertThat(kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status))
        .isZero();
    long inode = status.inode();
    int opened = kernel.openByHandle(dirFd, again, OpenFlags.PATH);

    if (SystemFacts.of(kernel).capabilities().contains(Capability.CAP_DAC_READ_SEARCH)) {
      assertThat(opened).isNotNegative();
      kernel.statx(opened, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
      assertThat(status.inode()).isEqualTo(inode);
      kernel.close(opened);
    } else {
      assertThat(opened).isEqualTo(Errno.EPERM.result());
    }
    kernel.close(fd);
  }

  @Test
  void theHandleOfAnEntryIsThatOfItsDescriptor() throws IOException {
    Files.writeString(directory.resolve("entry"), "");
    int dir =
        kernel.openat2(Kernel.AT_FDCWD, Names.bytes(directory.toString()), OpenFlags.PATH, 0, 0);
    int fd = kernel.openat2(dir, Names.bytes("entry"), OpenFlags.PATH, 0, 0);
    FileHandleBytes byName = new FileHandleBytes();
    FileHandleBytes byDescriptor = new FileHandleBytes();
    assertThat(kernel.nameToHandleAt(dir, Names.bytes("entry"), byName)).isZero();
    assertThat(kernel.nameToHandle(fd, byDescriptor)).isZero();
    assertThat(byName.toBytes()).isEqualTo(byDescriptor.toBytes());
    assertThat(kernel.nameToHandleAt(dir, Names.bytes("none"), byName))
        .isEqualTo(Errno.ENOENT.result());
    kernel.close(fd);
    kernel.close(dir);
  }

  @Test
  void aQuotaIsToldOrWhyThereIsNone() throws IOException {
    int dir =
        kernel.openat2(Kernel.AT_FDCWD, Names.bytes(directory.toString()), OpenFlags.PATH, 0, 0);
    QuotaStatus quota = new QuotaStatus();
    quota.set(2048, 1024, 5);
    int result = kernel.userQuota(dir, kernel.effectiveUid(), quota);
    if (result < 0) {
      assertThat(Errno.of(result)).isIn(Errno.ESRCH, Errno.ENOSYS, Errno.EPERM, Errno.EOPNOTSUPP);
      assertThat(quota.hardLimitBytes()).isEqualTo(2048);
      assertThat(quota.softLimitBytes()).isEqualTo(1024);
      assertThat(quota.usedBytes()).isEqualTo(5);
    } else {
      assertThat(quota.usedBytes()).isNotNegative();
    }
    kernel.close(dir);
  }
}
