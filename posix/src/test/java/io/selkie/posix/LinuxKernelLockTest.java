package io.selkie.posix;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: locks of open file descriptions are what byte-range locks of NFS clients can be kept in:
 * seen by other processes, replaced in one step, harmless to leases.
 *
 * <p>Method: the real kernel, and another process that locks as any program does.
 */
@Timeout(120)
class LinuxKernelLockTest {
  @TempDir(factory = RealFileSystem.class)
  Path directory;

  private final Kernel kernel = new LinuxKernel();
  private final FileLock lock = new FileLock();
  private Path file;
  private int fd;
  private LockProcess other;

  @BeforeEach
  void open() throws IOException {
    file = Files.write(directory.resolve("f"), new byte[100]);
    fd = openFile(OpenFlags.RDWR);
    other = new LockProcess(file);
  }

  @AfterEach
  void close() throws IOException {
    other.close();
    kernel.close(fd);
  }

  private int openFile(long access) {
    int opened =
        kernel.openat2(
            Kernel.AT_FDCWD, Names.bytes(file.toString()), access | OpenFlags.CLOEXEC, 0, 0);
    assertThat(opened).isNotNegative();
    return opened;
  }

  @Test
  void anotherProcessSeesALockAndIsSeen() throws IOException {
    assertThat(kernel.setFileLock(fd, FileLockType.EXCLUSIVE, 10, 5)).isZero();
    assertThat(other.shared(12, 1)).isFalse();
    assertThat(other.exclusive(15, 5)).isTrue();

    assertThat(kernel.setFileLock(fd, FileLockType.SHARED, 0, 0)).isEqualTo(Errno.EAGAIN.result());
    lock.set(FileLockType.SHARED, 0, 0);
    assertThat(kernel.getFileLock(fd, lock)).isZero();
    assertThat(lock.type()).isEqualTo(FileLockType.EXCLUSIVE);
    assertThat(lock.start()).isEqualTo(15);
    assertThat(lock.length()).isEqualTo(5);
    assertThat(lock.pid()).isEqualTo((int) other.pid());
  }

  @Test
  void askingFindsNoLockOfTheSameDescription() {
    assertThat(kernel.setFileLock(fd, FileLockType.EXCLUSIVE, 0, 0)).isZero();

    lock.set(FileLockType.EXCLUSIVE, 0, 0);
    assertThat(kernel.getFileLock(fd, lock)).isZero();
    assertThat(lock.type()).isEqualTo(FileLockType.NONE);
  }

  @Test
  void typeChangesInPlaceAndPartsAreUnlocked() throws IOException {
    assertThat(kernel.setFileLock(fd, FileLockType.EXCLUSIVE, 0, 100)).isZero();
    assertThat(kernel.setFileLock(fd, FileLockType.SHARED, 20, 20)).isZero();
    assertThat(kernel.setFileLock(fd, FileLockType.NONE, 60, 10)).isZero();

    assertThat(other.shared(19, 1)).isFalse();
    assertThat(other.shared(20, 20)).isTrue();
    assertThat(other.exclusive(60, 10)).isTrue();
    assertThat(other.shared(70, 1)).isFalse();
    // The upgrade is refused, and what was there stays.
    assertThat(kernel.setFileLock(fd, FileLockType.EXCLUSIVE, 0, 60))
        .isEqualTo(Errno.EAGAIN.result());
    assertThat(other.unlock(20, 20)).isTrue();
    assertThat(other.exclusive(30, 1)).isFalse();
    assertThat(other.shared(0, 1)).isFalse();
  }

  @Test
  void locksReachTheLastByteThereCanBe() throws IOException {
    assertThat(kernel.setFileLock(fd, FileLockType.EXCLUSIVE, Long.MAX_VALUE, 0)).isZero();

    assertThat(other.exclusive(0, Long.MAX_VALUE - 1)).isTrue();
    int another = openFile(OpenFlags.RDONLY);
    lock.set(FileLockType.SHARED, Long.MAX_VALUE, 0);
    assertThat(kernel.getFileLock(another, lock)).isZero();
    assertThat(kernel.close(another)).isZero();
    assertThat(lock.type()).isEqualTo(FileLockType.EXCLUSIVE);
    assertThat(lock.start()).isEqualTo(Long.MAX_VALUE);
    assertThat(lock.length()).as("to the end of any file").isZero();
  }

  @Test
  void anExclusiveLockNeedsADescriptionForWriting() {
    int readOnly = openFile(OpenFlags.RDONLY);

    assertThat(kernel.setFileLock(readOnly, FileLockType.EXCLUSIVE, 0, 1))
        .isEqualTo(Errno.EBADF.result());
    assertThat(kernel.setFileLock(readOnly, FileLockType.SHARED, 0, 1)).isZero();
    lock.set(FileLockType.EXCLUSIVE, 0, 1);
    assertThat(kernel.getFileLock(fd, lock)).isZero();
    assertThat(lock.type()).isEqualTo(FileLockType.SHARED);
    assertThat(lock.pid()).isEqualTo(-1);
    assertThat(kernel.close(readOnly)).isZero();
  }

  @Test
  void sharedLocksCanBeOnTheOldAndTheNewDescriptionBeforeOneReplacesTheOther() throws IOException {
    int readOnly = openFile(OpenFlags.RDONLY);
    assertThat(kernel.setFileLock(readOnly, FileLockType.SHARED, 0, 10)).isZero();

    assertThat(kernel.setFileLock(fd, FileLockType.SHARED, 0, 10)).isZero();
    assertThat(kernel.dup3(fd, readOnly)).isEqualTo(readOnly);

    assertThat(other.exclusive(0, 1)).isFalse();
    assertThat(kernel.close(readOnly)).isZero();
    assertThat(other.exclusive(0, 1)).as("the last descriptor is open still").isFalse();
  }

  @Test
  void lockingDoesNotBreakALeaseOfTheSameDescription() throws IOException {
    other.close();
    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();

    assertThat(kernel.setFileLock(fd, FileLockType.EXCLUSIVE, 0, 10)).isZero();
    assertThat(kernel.setFileLock(fd, FileLockType.SHARED, 5, 10)).isZero();
    lock.set(FileLockType.EXCLUSIVE, 0, 0);
    assertThat(kernel.getFileLock(fd, lock)).isZero();
    assertThat(kernel.setFileLock(fd, FileLockType.NONE, 0, 0)).isZero();

    assertThat(kernel.getLease(fd)).isEqualTo(LeaseType.WRITE.number());
    assertThat(kernel.setLease(fd, LeaseType.NONE)).isZero();
  }

  @Test
  void aLeaseCanBeTakenWhileThereAreLocks() throws IOException {
    other.close();
    assertThat(kernel.setFileLock(fd, FileLockType.EXCLUSIVE, 0, 10)).isZero();

    assertThat(kernel.setLease(fd, LeaseType.WRITE)).isZero();
    assertThat(kernel.setLease(fd, LeaseType.NONE)).isZero();
  }

  @Test
  void whatIsWrongIsAnswered() {
    assertThat(kernel.setFileLock(-1, FileLockType.SHARED, 0, 1)).isEqualTo(Errno.EBADF.result());
    assertThat(kernel.setFileLock(fd, FileLockType.SHARED, -1, 1)).isEqualTo(Errno.EINVAL.result());
    assertThat(kernel.setFileLock(fd, FileLockType.SHARED, 2, Long.MAX_VALUE))
        .isEqualTo(Errno.EOVERFLOW.result());
  }
}
