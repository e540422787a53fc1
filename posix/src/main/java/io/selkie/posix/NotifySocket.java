package io.selkie.posix;

import java.time.Duration;

/**
 * A Unix datagram socket that is connected to the service manager's, or to whoever speaks as it
 * does. Each message is one datagram (sd_notify(3)), and may bring a descriptor. No call waits for
 * the other side longer than {@link #PATIENCE} for room, {@link #offer} not at all. Safe for use by
 * several threads.
 */
public final class NotifySocket implements AutoCloseable {

  private static final String ADVICE =
      "see that NOTIFY_SOCKET names the service manager's socket, or unset it";

  /** Others who send at the same time may take the room that there was. */
  private static final int TRIES = 16;

  /** How long {@link #send} waits for room. */
  public static final Duration PATIENCE = Duration.ofSeconds(5);

  private final int fd;
  private boolean closed;

  /**
   * Connects.
   *
   * @param address what NOTIFY_SOCKET says: an absolute path, or @ and an abstract name
   * @throws PosixException when there is nobody, or the address is none
   */
  public NotifySocket(String address) throws PosixException {
    if (!UnixDatagrams.isAddress(address)) {
      throw new PosixException("connect", Errno.EINVAL.result(), "'" + address + "'", ADVICE);
    }
    fd = checked("socket", address, UnixDatagrams.socket());
    try {
      checked("connect", address, UnixDatagrams.connect(fd, address));
    } catch (PosixException e) {
      close();
      throw e;
    }
  }

  private static int checked(String call, String on, int result) throws PosixException {
    if (result < 0) {
      throw new PosixException(call, result, on, ADVICE);
    }
    return result;
  }

  /**
   * Sends one message; waits up to {@link #PATIENCE} for room.
   *
   * @param message lines of NAME=VALUE
   * @throws PosixException when it could not be delivered
   */
  public void send(String message) throws PosixException {
    send(message, -1);
  }

  /**
   * The same with a descriptor, of which the other side gets a copy. Once this returns there is
   * one, if not there then in the socket, whatever becomes of this process.
   *
   * @param descriptor stays the caller's
   * @throws PosixException when it could not be delivered; EAGAIN when there was no room
   */
  public void send(String message, int descriptor) throws PosixException {
    int result = 0;
    for (int i = 0; i < TRIES; i++) {
      // Outside of the monitor, so that nobody who offers waits along.
      int ready = UnixDatagrams.poll(fd, -1, UnixDatagrams.POLLOUT, (int) PATIENCE.toMillis());
      result = write(message, descriptor);
      if (ready == 0 || !Errno.EAGAIN.is(result)) {
        break;
      }
    }
    checked("sendmsg", message, result);
  }

  /**
   * Sends one message if there is room for it at once.
   *
   * @param message lines of NAME=VALUE
   * @throws PosixException when it could not be delivered; EAGAIN when there is no room
   */
  public void offer(String message) throws PosixException {
    checked("sendmsg", message, write(message, -1));
  }

  private synchronized int write(String message, int descriptor) {
    return closed ? 0 : UnixDatagrams.send(fd, message, descriptor);
  }

  /**
   * Waits until the other side has dealt with all that was sent (BARRIER=1, systemd 246): it closes
   * a descriptor that it gets for that.
   *
   * @return false when it has not in that time
   * @throws PosixException when it could not be asked
   */
  public boolean awaitHeard(Duration patience) throws PosixException {
    int[] pipe = UnixDatagrams.pipe();
    if (pipe == null) {
      throw new PosixException(
          "pipe2", Errno.EMFILE.result(), "the service manager's answer", "raise ulimit -n");
    }
    try {
      try {
        send("BARRIER=1", pipe[1]);
      } finally {
        UnixDatagrams.close(pipe[1]);
      }
      return UnixDatagrams.poll(pipe[0], -1, (short) 0, (int) patience.toMillis()) != 0;
    } finally {
      UnixDatagrams.close(pipe[0]);
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      UnixDatagrams.close(fd);
    }
  }
}
