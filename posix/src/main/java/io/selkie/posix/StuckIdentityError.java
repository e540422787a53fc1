package io.selkie.posix;

/**
 * A thread that acted as somebody else could not become the server's own again, or the other way
 * round. What it would do next it would do as the wrong user, so it must end: a {@link
 * VirtualMachineError}, which no handler of requests keeps to itself.
 */
public final class StuckIdentityError extends VirtualMachineError {
  private static final long serialVersionUID = 1;

  StuckIdentityError(String message) {
    super(message);
  }
}
