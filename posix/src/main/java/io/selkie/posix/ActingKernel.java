package io.selkie.posix;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * A kernel in which whatever asks for somebody's rights, or makes something that belongs to
 * somebody, is done as the user on whose behalf the calling thread works: see {@link #begin}. So it
 * is the kernel that decides what a user may do, by mode bits, access control lists, quotas, sticky
 * and set-id bits, exactly as for a local process of that user.
 *
 * <p>The thread is somebody else inside such a call only ({@link FsIdentity}). Calls that look at
 * nobody's rights, such as reading through an open descriptor, cost nothing more.
 *
 * <p>A call that needs a user on a thread that works for nobody is a defect and throws. Safe for
 * use by several threads.
 */
public final class ActingKernel extends GatedKernel {

  private static final int READ_ONLY = Errno.EROFS.result();

  private static final class Task {
    private FsUser user;
    private boolean readOnly;
  }

  private final Kernel kernel;
  private final FsIdentity identity;
  private final ThreadLocal<Task> tasks = ThreadLocal.withInitial(Task::new);

  /**
   * On the kernel whose calls are to be made as somebody.
   *
   * @param identity empty where the process may not act as others: then everybody is the server's
   *     own user
   */
  public ActingKernel(Kernel kernel, Optional<FsIdentity> identity) {
    super(kernel);
    this.kernel = kernel;
    this.identity = identity.orElse(null);
  }

  /** Whether there is more than one user to act as. */
  public boolean isPrivileged() {
    return identity != null;
  }

  /**
   * The calling thread works for a user until {@link #end}. Costs no system call.
   *
   * @param readOnly whether calls that change something answer EROFS
   * @throws IllegalStateException when it works for somebody already
   */
  public void begin(FsUser user, boolean readOnly) {
    Task task = tasks.get();
    if (task.user != null) {
      throw new IllegalStateException("the thread works for " + task.user + " already");
    }
    assert isOwnNow() : "the thread is not the server's own before a request";
    task.user = user;
    task.readOnly = readOnly;
  }

  /** The calling thread works for nobody any more. */
  public void end() {
    tasks.get().user = null;
    assert isOwnNow() : "the thread is not the server's own after a request";
  }

  private boolean isOwnNow() {
    return identity == null || identity.isOwnNow();
  }

  /** For whom the calling thread works, or null. */
  public FsUser user() {
    return tasks.get().user;
  }

  /** Whether the calling thread works for somebody who may not change anything. */
  public boolean isReadOnly() {
    return tasks.get().readOnly;
  }

  /** Whether the user may do whatever the server itself may, so that asking can be spared. */
  public boolean mayAll() {
    Task task = tasks.get();
    return !task.readOnly && (identity == null || (task.user != null && identity.isOwn(task.user)));
  }

  /** Whether a call is made as the user; what is not known here is, to be on the safe side. */
  private static boolean isAsUser(KernelCall call) {
    return switch (call) {
      case CLOSE,
          DUP3,
          NAME_TO_HANDLE,
          READLINKAT,
          GETDENTS64,
          LSEEK,
          STATX,
          FSTATFS,
          PREAD,
          FSYNC,
          FDATASYNC,
          FADVISE,
          FIEMAP,
          CACHED_PAGES,
          SCSI,
          MMAP,
          MUNMAP,
          MSYNC,
          POPULATE_READ,
          OPEN_BY_HANDLE,
          SET_LEASE,
          GET_LEASE,
          SET_LEASE_SIGNAL,
          SET_LEASE_OWNER_THREAD,
          BLOCK_SIGNALS,
          WAIT_FOR_SIGNAL,
          SIGNAL_THREAD,
          RESOURCE_LIMIT ->
          false;
      default -> true;
    };
  }

  /** Whether a call changes nothing; openat2 and faccess depend on their arguments. */
  private static boolean isHarmless(KernelCall call) {
    return switch (call) {
      case OPENAT2, FACCESS, GET_XATTR, LIST_XATTR -> true;
      default -> false;
    };
  }

  private static boolean isForChange(long openFlags) {
    return (openFlags & OpenFlags.PATH) == 0
        && (openFlags & (OpenFlags.WRONLY | OpenFlags.RDWR | OpenFlags.CREAT | OpenFlags.TRUNC))
            != 0;
  }

  @Override
  long run(KernelCall call, int fd, byte[] name, LongSupplier action, LongConsumer giveBack) {
    if (!isAsUser(call)) {
      return action.getAsLong();
    }
    Task task = task();
    if (task.readOnly && !isHarmless(call)) {
      return READ_ONLY;
    }
    if (!become(task)) {
      return action.getAsLong();
    }
    try {
      return action.getAsLong();
    } finally {
      identity.comeBack();
    }
  }

  private Task task() {
    Task task = tasks.get();
    if (task.user == null) {
      throw new IllegalStateException("a call that needs a user, but the thread works for nobody");
    }
    return task;
  }

  /** Whether the thread is somebody else now, and {@link FsIdentity#comeBack} is due. */
  private boolean become(Task task) {
    if (identity == null || identity.isOwn(task.user)) {
      return false;
    }
    boolean done = false;
    try {
      identity.become(task.user);
      done = true;
    } finally {
      if (!done) {
        identity.comeBack();
      }
    }
    return true;
  }

  // ---------------------------------------------------------------- often called: no allocation

  @Override
  public int close(int fd) {
    return kernel.close(fd);
  }

  @Override
  public int statx(int dirFd, byte[] name, int atFlags, int mask, FileStatus out) {
    return kernel.statx(dirFd, name, atFlags, mask, out);
  }

  @Override
  public long pread(int fd, MemorySegment into, long fileOffset) {
    return kernel.pread(fd, into, fileOffset);
  }

  @Override
  public long pwrite(int fd, MemorySegment from, long fileOffset) {
    Task task = task();
    if (task.readOnly) {
      return READ_ONLY;
    }
    if (!become(task)) {
      return kernel.pwrite(fd, from, fileOffset);
    }
    try {
      return kernel.pwrite(fd, from, fileOffset);
    } finally {
      identity.comeBack();
    }
  }

  @Override
  public int faccess(int fd, int mode) {
    Task task = task();
    if (task.readOnly && (mode & AccessModes.WRITE) != 0) {
      return READ_ONLY;
    }
    if (!become(task)) {
      return kernel.faccess(fd, mode);
    }
    try {
      return kernel.faccess(fd, mode);
    } finally {
      identity.comeBack();
    }
  }

  @Override
  public int openat2(int dirFd, byte[] path, long openFlags, int mode, long resolveFlags) {
    Task task = task();
    if (task.readOnly && isForChange(openFlags)) {
      return READ_ONLY;
    }
    if (!become(task)) {
      return kernel.openat2(dirFd, path, openFlags, mode, resolveFlags);
    }
    try {
      return kernel.openat2(dirFd, path, openFlags, mode, resolveFlags);
    } finally {
      identity.comeBack();
    }
  }
}
