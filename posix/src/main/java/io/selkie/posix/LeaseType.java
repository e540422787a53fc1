package io.selkie.posix;

/** Kernel leases, {@code fcntl(2)} F_SETLEASE. */
public enum LeaseType {
  /** {@code F_RDLCK}: breaks when somebody opens for writing or truncates. */
  READ(0),
  /** {@code F_WRLCK}: breaks when somebody opens at all. */
  WRITE(1),
  /** {@code F_UNLCK}: none. */
  NONE(2);

  private final int number;

  LeaseType(int number) {
    this.number = number;
  }

  /** The kernel's number. */
  public int number() {
    return number;
  }

  /**
   * The type that {@link Kernel#getLease} answered.
   *
   * @throws IllegalArgumentException for an error or a number that is no type
   */
  public static LeaseType of(int number) {
    return switch (number) {
      case 0 -> READ;
      case 1 -> WRITE;
      case 2 -> NONE;
      default -> throw new IllegalArgumentException("lease type " + number);
    };
  }
}
