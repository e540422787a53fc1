package io.selkie.posix;

/** This process in a session of its own: what is sent to its parent's group passes it by. */
public final class OwnSession {

  private OwnSession() {}

  /**
   * Begins one (setsid(2)). A process that is the first of its group already has one.
   *
   * @return 0, or {@code -errno}
   */
  public static int begin() {
    int setsid =
        switch (Machine.current()) {
          case X86_64 -> 112;
          case AARCH64 -> 157;
        };
    return Bindings.LIBC.syscall(setsid, 0, 0, 0, 0) < 0 ? Errno.EPERM.result() : 0;
  }
}
