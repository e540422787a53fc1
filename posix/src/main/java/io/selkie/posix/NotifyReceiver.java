package io.selkie.posix;

import java.util.List;
import java.util.Optional;

/**
 * The other side of {@link NotifySocket}: a Unix socket of its own to which messages and
 * descriptors come. Used by one thread.
 */
public final class NotifyReceiver implements AutoCloseable {

  private static final int MESSAGE_BYTES_MAX = 4096;

  private final int fd;

  /**
   * A message.
   *
   * @param text lines of NAME=VALUE
   * @param descriptors are the receiver's now, to be closed with {@link #close(int)}
   */
  public record Message(String text, List<Integer> descriptors) {}

  /** What {@link #await} waited for. */
  public enum Event {
    /** A message is there. */
    MESSAGE,
    /** The process has ended, and no message is there. */
    ENDED,
    /** The time is over. */
    NOTHING
  }

  /**
   * Binds.
   *
   * @param address an absolute path where nothing is yet, or @ and an abstract name
   * @throws PosixException when that cannot be
   */
  public NotifyReceiver(String address) throws PosixException {
    int socket = UnixDatagrams.isAddress(address) ? UnixDatagrams.socket() : Errno.EINVAL.result();
    int result = socket < 0 ? socket : UnixDatagrams.bind(socket, address);
    if (result < 0) {
      if (socket >= 0) {
        UnixDatagrams.close(socket);
      }
      throw new PosixException("bind", result, address, "see that its directory is writable");
    }
    fd = socket;
  }

  /**
   * Waits for a message, or for the end of a process.
   *
   * @param process empty: no process is waited for
   * @param timeoutMillis negative: for ever
   */
  public Event await(Optional<PidFd> process, int timeoutMillis) {
    int ready =
        UnixDatagrams.poll(
            fd, process.map(PidFd::fd).orElse(-1), UnixDatagrams.POLLIN, timeoutMillis);
    if ((ready & 1) != 0) {
      return Event.MESSAGE;
    }
    return ready == 0 ? Event.NOTHING : Event.ENDED;
  }

  /** The next message; empty when there is none now. Does not wait. */
  public Optional<Message> receive() {
    return Optional.ofNullable(UnixDatagrams.receive(fd, MESSAGE_BYTES_MAX))
        .map(received -> new Message(received.text(), List.copyOf(received.descriptors())));
  }

  /** Closes a descriptor that a message brought. */
  public static void close(int descriptor) {
    UnixDatagrams.close(descriptor);
  }

  @Override
  public void close() {
    UnixDatagrams.close(fd);
  }
}
