package io.selkie.rdma.verbs;

import java.io.IOException;

/** A call into libibverbs or librdmacm failed. Thrown by the native library. */
public final class VerbsException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final int errno;

  /**
   * @param call what was called
   * @param errno of Linux
   * @param words what that means
   */
  public VerbsException(String call, int errno, String words) {
    super("%s: %s (errno %d)".formatted(call, words, errno));
    this.call = call;
    this.errno = errno;
  }

  /** What was called. */
  public String call() {
    return call;
  }

  /** Why it failed, as Linux numbers it. */
  public int errno() {
    return errno;
  }
}
