package io.selkie.posix;

/** What differs between the architectures that Selkie runs on. */
enum Machine {
  X86_64(
      /* O_DIRECT */ 0x4000,
      /* O_DIRECTORY */ 0x10000,
      /* O_NOFOLLOW */ 0x20000,
      /* getdents64 */ 217,
      /* mknodat */ 259,
      /* rt_sigprocmask */ 14,
      /* rt_sigtimedwait */ 128,
      /* gettid */ 186,
      /* tgkill */ 234,
      /* mmap */ 9,
      /* open_by_handle_at */ 304,
      /* getpid */ 39,
      /* copy_file_range */ 326,
      /* fadvise64 */ 221,
      /* prctl */ 157,
      /* close */ 3,
      /* sched_setattr */ 314,
      /* sched_getattr */ 315),
  AARCH64(
      0x10000, 0x4000, 0x8000, 61, 33, 135, 137, 178, 131, 222, 265, 172, 285, 223, 167, 57, 274,
      275);

  // The same number on every architecture since Linux 5.1.
  static final int OPENAT2 = 437;
  static final int QUOTACTL_FD = 443;
  static final int FACCESSAT2 = 439;
  static final int FCHMODAT2 = 452;
  static final int CACHESTAT = 451;

  private final long openDirect;
  private final long openDirectory;
  private final long openNofollow;
  final int getdents64;
  final int mknodat;
  final int rtSigprocmask;
  final int rtSigtimedwait;
  final int gettid;
  final int tgkill;
  final int mmap;
  final int openByHandleAt;
  final int getpid;
  final int copyFileRange;
  final int fadvise64;
  final int prctl;
  final int close;
  final int schedSetattr;
  final int schedGetattr;

  Machine(
      long openDirect,
      long openDirectory,
      long openNofollow,
      int getdents64,
      int mknodat,
      int rtSigprocmask,
      int rtSigtimedwait,
      int gettid,
      int tgkill,
      int mmap,
      int openByHandleAt,
      int getpid,
      int copyFileRange,
      int fadvise64,
      int prctl,
      int close,
      int schedSetattr,
      int schedGetattr) {
    this.openDirect = openDirect;
    this.openDirectory = openDirectory;
    this.openNofollow = openNofollow;
    this.getdents64 = getdents64;
    this.mknodat = mknodat;
    this.rtSigprocmask = rtSigprocmask;
    this.rtSigtimedwait = rtSigtimedwait;
    this.gettid = gettid;
    this.tgkill = tgkill;
    this.mmap = mmap;
    this.openByHandleAt = openByHandleAt;
    this.getpid = getpid;
    this.copyFileRange = copyFileRange;
    this.fadvise64 = fadvise64;
    this.prctl = prctl;
    this.close = close;
    this.schedSetattr = schedSetattr;
    this.schedGetattr = schedGetattr;
  }

  static Machine current() {
    String architecture = System.getProperty("os.arch");
    return switch (architecture) {
      case "amd64", "x86_64" -> X86_64;
      case "aarch64" -> AARCH64;
      default ->
          throw new IllegalStateException(
              "no system call numbers for architecture '"
                  + architecture
                  + "': Selkie runs on Linux on x86-64 and 64-bit ARM");
    };
  }

  long openDirect() {
    return openDirect;
  }

  long openDirectory() {
    return openDirectory;
  }

  long openNofollow() {
    return openNofollow;
  }
}
