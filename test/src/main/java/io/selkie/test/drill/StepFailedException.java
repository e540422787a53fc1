package io.selkie.test.drill;

/** A step did not go as it should: what was tried, on what, and what came of it. */
final class StepFailedException extends Exception {
  private static final long serialVersionUID = 1L;

  StepFailedException(String message) {
    super(message);
  }

  StepFailedException(String message, Throwable cause) {
    super(message, cause);
  }
}
