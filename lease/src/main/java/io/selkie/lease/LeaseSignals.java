package io.selkie.lease;

/** Where the kernel sends the signals of lease breaks. */
public interface LeaseSignals {
  /** The signal for F_SETSIG: a real-time one, so that it is queued and names the descriptor. */
  int signal();

  /** The thread for F_SETOWN_EX, which waits for that signal. */
  int ownerThread();
}
