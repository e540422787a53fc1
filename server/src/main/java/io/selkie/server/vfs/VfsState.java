package io.selkie.server.vfs;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PosixException;
import io.selkie.posix.RenameFlags;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * What filehandles need beyond the life of a server: the key that seals them, and the index that
 * finds files by name where the kernel's own handles may not be used.
 */
public final class VfsState implements AutoCloseable {
  private static final byte[] KEY_NAME = Names.bytes("handle.key");
  private static final byte[] NEW_KEY_NAME = Names.bytes("handle.key.new");
  private static final int KEY_BYTES = 16;

  private final Kernel kernel;
  private final int directoryFd;
  private final byte[] key;
  private final PathIndex index;
  private final Optional<ChangeClockFile> clockFile;
  private final ChangeClock changeClock;

  private VfsState(
      Kernel kernel,
      int directoryFd,
      byte[] key,
      PathIndex index,
      Optional<ChangeClockFile> clockFile,
      ChangeClock.Clocks clocks) {
    this.kernel = kernel;
    this.directoryFd = directoryFd;
    this.key = key;
    this.index = index;
    this.clockFile = clockFile;
    this.changeClock =
        new ChangeClock(
            clocks, clockFile.<ChangeClock.Keeper>map(file -> file).orElse(ChangeClock.FORGETFUL));
  }

  /**
   * In memory: every filehandle is dead when the server ends.
   *
   * @param random makes the key; has to be one that nobody can guess
   * @param indexCapacity most files found by name, the oldest go first
   */
  public static VfsState inMemory(
      Kernel kernel, RandomGenerator random, int indexCapacity, ChangeClock.Clocks clocks) {
    return new VfsState(
        kernel, -1, newKey(random), PathIndex.inMemory(indexCapacity), Optional.empty(), clocks);
  }

  /**
   * In a directory, made when it does not exist, as files {@code handle.key}, {@code handles.index}
   * and {@code change.clock} that only this user may read. One server at a time.
   *
   * @param path of the directory
   * @throws PosixException when it cannot be used
   */
  public static VfsState open(
      Kernel kernel,
      String path,
      RandomGenerator random,
      int indexCapacity,
      ChangeClock.Clocks clocks)
      throws PosixException {
    kernel.mkdirat(Kernel.AT_FDCWD, Names.bytes(path), 0700);
    int directoryFd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path),
            OpenFlags.RDONLY | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            0);
    check("openat2", directoryFd, path);
    try {
      byte[] key = loadOrMakeKey(kernel, directoryFd, path, random);
      ChangeClockFile clockFile = ChangeClockFile.open(kernel, directoryFd);
      try {
        PathIndex index = PathIndex.open(kernel, directoryFd, indexCapacity);
        return new VfsState(kernel, directoryFd, key, index, Optional.of(clockFile), clocks);
      } catch (PosixException e) {
        clockFile.close();
        throw e;
      }
    } catch (PosixException e) {
      kernel.close(directoryFd);
      throw e;
    }
  }

  FileHandleCodec codec() {
    return new FileHandleCodec(key);
  }

  PathIndex index() {
    return index;
  }

  ChangeClock changeClock() {
    return changeClock;
  }

  /** Whether filehandles outlive the server. */
  public boolean isPersistent() {
    return directoryFd >= 0;
  }

  @Override
  public void close() {
    changeClock.close();
    clockFile.ifPresent(ChangeClockFile::close);
    index.close();
    if (directoryFd >= 0) {
      kernel.close(directoryFd);
    }
  }

  private static byte[] loadOrMakeKey(
      Kernel kernel, int directoryFd, String path, RandomGenerator random) throws PosixException {
    int fd =
        kernel.openat2(
            directoryFd, KEY_NAME, OpenFlags.RDONLY | OpenFlags.NOFOLLOW | OpenFlags.CLOEXEC, 0, 0);
    if (!Errno.ENOENT.is(fd)) {
      check("openat2", fd, path + "/handle.key");
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment memory = arena.allocate(KEY_BYTES);
        long length = kernel.pread(fd, memory, 0);
        kernel.close(fd);
        check("pread", length, path + "/handle.key");
        if (length == KEY_BYTES) {
          return memory.toArray(JAVA_BYTE);
        }
        throw new PosixException(
            "pread",
            Errno.EIO.result(),
            path + "/handle.key, which holds " + length + " of " + KEY_BYTES + " bytes",
            "remove it; clients then find their filehandles stale and open anew");
      }
    }
    return makeKey(kernel, directoryFd, path, random);
  }

  /** Written whole, made durable, then named: a crash leaves the key or none. */
  private static byte[] makeKey(Kernel kernel, int directoryFd, String path, RandomGenerator random)
      throws PosixException {
    byte[] key = newKey(random);
    int fd =
        kernel.openat2(
            directoryFd,
            NEW_KEY_NAME,
            OpenFlags.WRONLY | OpenFlags.CREAT | OpenFlags.TRUNC | OpenFlags.CLOEXEC,
            0600,
            0);
    check("openat2", fd, path + "/handle.key.new");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(KEY_BYTES);
      MemorySegment.copy(key, 0, memory, JAVA_BYTE, 0, KEY_BYTES);
      long written = kernel.pwrite(fd, memory, 0);
      int synced = kernel.fdatasync(fd);
      kernel.close(fd);
      check("pwrite", written, path + "/handle.key.new");
      check("fdatasync", synced, path + "/handle.key.new");
    }
    check(
        "renameat2",
        kernel.renameat2(directoryFd, NEW_KEY_NAME, directoryFd, KEY_NAME, RenameFlags.NOREPLACE),
        path + "/handle.key");
    check("fsync", kernel.fsync(directoryFd), path);
    return key;
  }

  private static byte[] newKey(RandomGenerator random) {
    byte[] key = new byte[KEY_BYTES];
    random.nextBytes(key);
    return key;
  }

  private static void check(String call, long result, String subject) throws PosixException {
    if (result < 0) {
      throw new PosixException(
          call, result, subject, "give the server a state directory it can write to");
    }
  }
}
