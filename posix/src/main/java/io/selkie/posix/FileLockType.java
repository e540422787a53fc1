package io.selkie.posix;

/** Byte-range locks, {@code fcntl(2)} l_type. */
public enum FileLockType {
  /** {@code F_RDLCK}: shared; the description must be open for reading. */
  SHARED(0),
  /** {@code F_WRLCK}: exclusive; the description must be open for writing. */
  EXCLUSIVE(1),
  /** {@code F_UNLCK}: none. */
  NONE(2);

  private final int number;

  FileLockType(int number) {
    this.number = number;
  }

  /** The kernel's number. */
  public int number() {
    return number;
  }

  /**
   * The type with a number of the kernel's.
   *
   * @throws IllegalArgumentException for a number that is no type
   */
  public static FileLockType of(int number) {
    return switch (number) {
      case 0 -> SHARED;
      case 1 -> EXCLUSIVE;
      case 2 -> NONE;
      default -> throw new IllegalArgumentException("lock type " + number);
    };
  }
}
