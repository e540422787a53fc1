package io.selkie.server;

import io.selkie.posix.ForwardingKernel;
import io.selkie.posix.Kernel;
import io.selkie.server.ops.WriteVerifier;

/**
 * The kernel as those have it who make files durable for reasons of their own, as seals and layouts
 * do. It tells of what it could not write once for each description, and a file has one here: the
 * COMMIT that comes after that would hear of nothing. So what fails changes the write verifier, by
 * which clients learn that they have to write again. Safe for use by several threads.
 */
final class SyncKernel extends ForwardingKernel {

  private final WriteVerifier verifier;

  SyncKernel(Kernel kernel, WriteVerifier verifier) {
    super(kernel);
    this.verifier = verifier;
  }

  WriteVerifier verifier() {
    return verifier;
  }

  @Override
  public int fsync(int fd) {
    return told(super.fsync(fd));
  }

  @Override
  public int fdatasync(int fd) {
    return told(super.fdatasync(fd));
  }

  private int told(int result) {
    if (result < 0) {
      verifier.change();
    }
    return result;
  }
}
