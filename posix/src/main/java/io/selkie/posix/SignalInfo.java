package io.selkie.posix;

/**
 * What {@code sigwaitinfo(2)} tells about a signal. Mutable, to be reused; not for several threads.
 */
public final class SignalInfo {
  private int signal;
  private int code;
  private int fd = -1;
  private long band;

  /** The signal's number. */
  public int signal() {
    return signal;
  }

  /** {@code si_code}; negative for a signal that a process sent. */
  public int code() {
    return code;
  }

  /** {@code si_fd}: the descriptor whose lease breaks; -1 when the signal is of another kind. */
  public int fd() {
    return fd;
  }

  /** {@code si_band}. */
  public long band() {
    return band;
  }

  /** Fills it. */
  public void set(int newSignal, int newCode, int newFd, long newBand) {
    signal = newSignal;
    code = newCode;
    fd = newFd;
    band = newBand;
  }
}
