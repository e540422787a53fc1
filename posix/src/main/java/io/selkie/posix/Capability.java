package io.selkie.posix;

import java.util.EnumSet;
import java.util.Set;

/** Linux capabilities that matter to a file server ({@code capabilities(7)}). */
public enum Capability {
  /** Change owners at will. */
  CAP_CHOWN(0),
  /** Ignore permission bits. */
  CAP_DAC_OVERRIDE(1),
  /** Read and search anything, and open files by handle. */
  CAP_DAC_READ_SEARCH(2),
  /** Act on files of other owners. */
  CAP_FOWNER(3),
  /** Keep set-user-id and set-group-id bits. */
  CAP_FSETID(4),
  /** Become other groups. */
  CAP_SETGID(6),
  /** Become other users. */
  CAP_SETUID(7),
  /** Change immutable and append-only files. */
  CAP_LINUX_IMMUTABLE(9),
  /** Lock memory beyond the limit. */
  CAP_IPC_LOCK(14),
  /** Give a device any command. */
  CAP_SYS_RAWIO(17),
  /** Administer; also more of file systems. */
  CAP_SYS_ADMIN(21),
  /** Raise resource limits. */
  CAP_SYS_RESOURCE(24),
  /** Make device files. */
  CAP_MKNOD(27),
  /** Take leases on files of other owners. */
  CAP_LEASE(28);

  private final int bit;

  Capability(int bit) {
    this.bit = bit;
  }

  int bit() {
    return bit;
  }

  long mask() {
    return 1L << bit;
  }

  /** Those that a mask of {@code /proc/PID/status} has. */
  static Set<Capability> of(long mask) {
    Set<Capability> set = EnumSet.noneOf(Capability.class);
    for (Capability capability : values()) {
      if ((mask >>> capability.bit & 1) != 0) {
        set.add(capability);
      }
    }
    return set;
  }
}
