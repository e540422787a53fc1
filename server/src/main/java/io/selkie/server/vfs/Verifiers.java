package io.selkie.server.vfs;

import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;

/**
 * The verifier of an exclusive create (RFC 8881 section 18.16.3), kept in the times of the empty
 * file until the client sets them: on disk with the file itself, and known again by any server.
 *
 * <pre>
 *   63                     62 .. 32           31                    30 .. 0
 *  | half a second of mtime | seconds of mtime | half a second of atime | seconds of atime |
 * </pre>
 *
 * <p>Seconds of 31 bits fit every file system. The halves are lost where times are of whole
 * seconds; there only 62 bits tell two clients apart. Stateless.
 */
final class Verifiers {
  private static final long SECONDS = 0x7fffffffL;
  private static final long HALF_NANOS = 500_000_000;

  private Verifiers() {}

  /** Stores a verifier; {@code -errno} when it cannot be. */
  static int store(Kernel kernel, int fd, long verifier) {
    long upper = verifier >>> Integer.SIZE;
    return kernel.utimens(fd, verifier & SECONDS, half(verifier), upper & SECONDS, half(upper));
  }

  /**
   * Whether a file is what a create with this verifier made, and nobody has used it since.
   *
   * @param wholeSeconds whether the file system keeps no fractions
   */
  static boolean isOf(FileStatus status, long verifier, boolean wholeSeconds) {
    long upper = verifier >>> Integer.SIZE;
    return status.isRegular()
        && status.size() == 0
        && status.atimeSec() == (verifier & SECONDS)
        && status.mtimeSec() == (upper & SECONDS)
        && (wholeSeconds
            || (status.atimeNsec() == half(verifier) && status.mtimeNsec() == half(upper)));
  }

  private static long half(long word) {
    return (word & (SECONDS + 1)) == 0 ? 0 : HALF_NANOS;
  }
}
