package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_STALE;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.AtFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import java.util.function.Predicate;

/**
 * One open file description per inode, for data and for seals. Every open of a regular file's data
 * goes through here: a second description of our own, be it for an instant, would break our own
 * lease or forbid taking one.
 *
 * <p>Opens never wait for the lease of another process (O_NONBLOCK): they answer NFS4ERR_DELAY, and
 * the break has begun. A lock is held for one system call at most, and only against the same few
 * inodes; not for the close, which may last as long as the disk hangs: only the inode's next user
 * waits for that. Safe for use by several threads.
 */
public final class OpenFileTable {
  private static final long COMMON = OpenFlags.NONBLOCK | OpenFlags.NOCTTY | OpenFlags.CLOEXEC;
  private static final int LOCKS = 64;

  private final Kernel kernel;
  private final int capacity;
  private final AtomicInteger open = new AtomicInteger();
  private final ConcurrentHashMap<FileIdentity, OpenFile> files = new ConcurrentHashMap<>();
  private final Object[] locks = new Object[LOCKS];
  private volatile LockCarrier carrier = (file, fd, swap) -> swap.getAsInt();

  private volatile Closer closer = (file, close) -> close.run();

  /** Has the threads for closings that their callers may not wait for. */
  @FunctionalInterface
  public interface Closer {
    /**
     * Runs it some time, here or elsewhere.
     *
     * @param file whose description is closed
     */
    void execute(FileIdentity file, Runnable close);
  }

  /** Takes the byte-range locks of a description to the one that takes its place. */
  @FunctionalInterface
  public interface LockCarrier {
    /**
     * Locks on the new one what is locked on the old one, then swaps, in one step for everybody.
     * Called with a lock of this table: must not use it.
     *
     * @param fd of the new description
     * @param swap puts it in place; 0 or more, or {@code -errno}
     * @return as the swap, or {@code -errno} when it was not swapped
     */
    int carryOver(FileIdentity file, int fd, IntSupplier swap);
  }

  /** What came of {@link #acquire}. */
  public sealed interface Acquired {
    /**
     * Retained for the caller, who releases it.
     *
     * @param file usable as was asked
     */
    record Opened(OpenFile file) implements Acquired {}

    /**
     * The inode is open for reading only and writing was asked. Ask the arbiter for leave to {@code
     * REOPEN}, then call {@link #upgrade}.
     *
     * @param file retained for the caller, who releases it; good for reading
     */
    record UpgradeNeeded(OpenFile file) implements Acquired {}

    /**
     * Not opened.
     *
     * @param status an NFS status
     */
    record Failed(int status) implements Acquired {}
  }

  /**
   * An empty table.
   *
   * @param capacity most inodes open at a time; one more answers NFS4ERR_DELAY
   */
  public OpenFileTable(Kernel kernel, int capacity) {
    this.kernel = kernel;
    this.capacity = capacity;
    for (int i = 0; i < LOCKS; i++) {
      locks[i] = new Object();
    }
  }

  /** To be set before the first request, when there are locks to be carried. */
  public void lockCarrier(LockCarrier newCarrier) {
    carrier = newCarrier;
  }

  /** To be set before the first request; without it who releases closes, in any case. */
  public void closer(Closer newCloser) {
    closer = newCloser;
  }

  /** Inodes open now. */
  public int size() {
    return open.get();
  }

  /** Whether an inode is open just now. */
  boolean isOpen(FileIdentity identity) {
    return files.containsKey(identity);
  }

  /** Whether it can be had without a wait for the close of the description before it. */
  boolean isAtHand(FileIdentity identity) {
    OpenFile file = files.get(identity);
    return file != null && !file.isClosing();
  }

  /** Gives the description of an inode if there is one already. */
  Optional<Acquired> acquireOpen(FileIdentity identity, boolean write) {
    return find(identity)
        .map(file ->
            write && !file.writable()
                ? new Acquired.UpgradeNeeded(file)
                : new Acquired.Opened(file));
  }

  /** The description of an inode if there is one, retained for the caller. */
  public Optional<OpenFile> find(FileIdentity identity) {
    if (!files.containsKey(identity)) {
      return Optional.empty();
    }
    synchronized (lockOf(identity)) {
      OpenFile file = settled(identity);
      if (file == null || isGone(file)) {
        return Optional.empty();
      }
      take(file);
      return Optional.of(file);
    }
  }

  /**
   * Gives the description of an inode, opening it when there is none.
   *
   * @param of the inode, in the export that it is opened in
   * @param namedFd names the inode, which is a regular file (an O_PATH descriptor)
   * @param write whether it has to be open for writing, which is for reading too
   */
  Acquired acquire(VfsFile of, int namedFd, String description, boolean write) {
    FileIdentity identity = of.identity();
    synchronized (lockOf(identity)) {
      OpenFile file = settled(identity);
      if (file != null && isGone(file)) {
        return new Acquired.Failed(NFS4ERR_STALE);
      }
      if (file != null) {
        take(file);
        return write && !file.writable()
            ? new Acquired.UpgradeNeeded(file)
            : new Acquired.Opened(file);
      }
      if (!reserve()) {
        return new Acquired.Failed(NFS4ERR_DELAY);
      }
      int fd = reopen(namedFd, write);
      if (fd < 0) {
        unreserve();
        return new Acquired.Failed(NfsErrors.of(fd));
      }
      OpenFile opened = new OpenFile(this, of, fd, description, write);
      files.put(identity, opened);
      return new Acquired.Opened(opened);
    }
  }

  /**
   * Takes over a description that was opened together with the creation of its inode, in the place
   * that was kept for it ({@link #reserve}), which is the description's or free again. When
   * somebody else was quicker to open the same inode there is but one again afterwards: the other
   * one, or ours in its place if only ours is writable. That needs no leave of the arbiter: a
   * read-only description cannot have been sealed while ours was open for writing.
   */
  Acquired adopt(VfsFile of, int fd, String description, boolean writable) {
    FileIdentity identity = of.identity();
    synchronized (lockOf(identity)) {
      OpenFile file = settled(identity);
      if (file != null) {
        unreserve();
        int result = writable && !file.writable() ? swap(file, fd) : 0;
        kernel.close(fd);
        if (result < 0) {
          return new Acquired.Failed(NfsErrors.of(result));
        }
        if (writable) {
          file.setWritable();
        }
        take(file);
        return new Acquired.Opened(file);
      }
      OpenFile opened = new OpenFile(this, of, fd, description, writable);
      files.put(identity, opened);
      return new Acquired.Opened(opened);
    }
  }

  /**
   * Opens a read-only description anew for writing, in place: whoever uses the descriptor goes on
   * with the new one. The caller has leave of the arbiter, so that no seal is held on it.
   *
   * @param file retained by the caller
   * @return an NFS status; NFS4_OK also when it was writable already
   */
  public int upgrade(OpenFile file) {
    synchronized (lockOf(file.identity())) {
      if (file.references() <= 0) {
        throw new IllegalStateException("upgrade of a file that was given back: " + file);
      }
      if (file.writable()) {
        return NfsErrors.of(0);
      }
      int fd = reopen(file.fd(), true);
      if (fd < 0) {
        return NfsErrors.of(fd);
      }
      int result = swap(file, fd);
      kernel.close(fd);
      if (result >= 0) {
        file.setWritable();
      }
      return NfsErrors.of(result);
    }
  }

  private int swap(OpenFile file, int fd) {
    return carrier.carryOver(file.identity(), fd, () -> kernel.dup3(fd, file.fd()));
  }

  void retain(OpenFile file) {
    synchronized (lockOf(file.identity())) {
      if (file.references() <= 0) {
        throw new IllegalStateException("retain of a file that was given back: " + file);
      }
      file.addReference();
    }
  }

  void release(OpenFile file) {
    synchronized (lockOf(file.identity())) {
      if (drop(file) > 0) {
        return;
      }
      file.setClosing();
    }
    close(file);
  }

  /** The same for who may not wait; until it is closed it can still be had again. */
  void releaseElsewhere(OpenFile file) {
    synchronized (lockOf(file.identity())) {
      if (drop(file) > 0) {
        return;
      }
    }
    closer.execute(file.identity(), () -> closeIfUnused(file));
  }

  /** One more user; with the lock held. Who waits for the close of it waits in vain then. */
  private void take(OpenFile file) {
    boolean unused = file.references() <= 0;
    file.addReference();
    if (unused) {
      lockOf(file.identity()).notifyAll();
    }
  }

  /**
   * Whether it has neither a user nor a name any more: only the close that waits its turn keeps it
   * alive, which nobody must be able to tell from one that is done. With its lock held.
   */
  private boolean isGone(OpenFile file) {
    if (file.references() > 0) {
      return false;
    }
    FileStatus status = new FileStatus();
    int result =
        kernel.statx(file.fd(), Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status);
    return result == 0 && status.linkCount() == 0;
  }

  private static int drop(OpenFile file) {
    int left = file.dropReference();
    if (left < 0) {
      throw new IllegalStateException("release of a file that was given back: " + file);
    }
    return left;
  }

  private void closeIfUnused(OpenFile file) {
    synchronized (lockOf(file.identity())) {
      if (file.references() > 0 || file.isClosing()) {
        return;
      }
      file.setClosing();
    }
    close(file);
  }

  private void close(OpenFile file) {
    Object lock = lockOf(file.identity());
    try {
      // Still in the table: the next opener of this inode must not find this one still open.
      kernel.close(file.fd());
    } finally {
      synchronized (lock) {
        files.remove(file.identity());
        unreserve();
        lock.notifyAll();
      }
    }
  }

  /**
   * Waits until what nobody has open any more is closed, or open again, of what was opened in one
   * export: another one on the same disk may be slower.
   */
  public void awaitClosings(Export export) {
    files.forEach((identity, first) -> {
      if (first.exportId() == export.id()) {
        synchronized (lockOf(identity)) {
          await(identity, file -> file == first && file.references() <= 0);
        }
      }
    });
  }

  /** The description of an inode, after the one that is being closed; with its lock held. */
  private OpenFile settled(FileIdentity identity) {
    return await(identity, OpenFile::isClosing);
  }

  private OpenFile await(FileIdentity identity, Predicate<OpenFile> unsettled) {
    Object lock = lockOf(identity);
    boolean interrupted = false;
    OpenFile file = files.get(identity);
    while (file != null && unsettled.test(file)) {
      try {
        lock.wait();
      } catch (InterruptedException _) {
        interrupted = true;
      }
      file = files.get(identity);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return file;
  }

  /** Keeps a place for an inode that is about to be made; false when all are taken. */
  boolean reserve() {
    if (open.incrementAndGet() > capacity) {
      unreserve();
      return false;
    }
    return true;
  }

  /** Gives a place back that {@link #reserve} kept. */
  void unreserve() {
    open.decrementAndGet();
  }

  private int reopen(int fd, boolean write) {
    long access = write ? OpenFlags.RDWR : OpenFlags.RDONLY;
    return kernel.openat2(Kernel.AT_FDCWD, Names.ofDescriptor(fd), access | COMMON, 0, 0);
  }

  private Object lockOf(FileIdentity identity) {
    long mixed = (identity.inode() ^ identity.generation()) * 0x9e3779b97f4a7c15L;
    return locks[(int) (mixed >>> 58)];
  }
}
