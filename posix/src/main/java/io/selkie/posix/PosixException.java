package io.selkie.posix;

import java.io.IOException;

/**
 * A system call failed where that is not a normal outcome. Carries for programs what the message
 * says to people: which call, on what, with which error, and what to do next.
 */
public final class PosixException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final Errno errno;
  private final String subject;
  private final String advice;

  /**
   * Names the failure.
   *
   * @param call the system call, for example {@code openat2}
   * @param result what the {@link Kernel} method returned, {@code -errno}
   * @param subject what it was tried on, for a person: a path, a descriptor and its role
   * @param advice what to do next, a clause without a final stop
   */
  public PosixException(String call, long result, String subject, String advice) {
    super(call + " on " + subject + ": " + Errno.describe(result) + "; " + advice);
    this.call = call;
    this.errno = Errno.of(result);
    this.subject = subject;
    this.advice = advice;
  }

  /** The system call's name. */
  public String call() {
    return call;
  }

  /** The error. */
  public Errno errno() {
    return errno;
  }

  /** What it was tried on. */
  public String subject() {
    return subject;
  }

  /** What to do next. */
  public String advice() {
    return advice;
  }
}
