package io.selkie.server.keeper;

import io.selkie.posix.NotifyReceiver;
import io.selkie.posix.NotifyReceiver.Event;
import io.selkie.posix.NotifyReceiver.Message;
import io.selkie.posix.NotifySocket;
import io.selkie.posix.PosixException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A service manager that keeps descriptors, at the pace of the test. */
final class FakeManager implements AutoCloseable {

  private static final int PATIENCE_MILLIS = 60_000;

  private final String address;
  private final NotifyReceiver receiver;
  final DescriptorStore store = new DescriptorStore(64);
  private final List<String> heard = new ArrayList<>();
  private boolean closed;

  FakeManager(String name) throws PosixException {
    address = "@selkie-" + name + "-" + ProcessHandle.current().pid();
    receiver = new NotifyReceiver(address);
  }

  NotifySocket socket() throws PosixException {
    return new NotifySocket(address);
  }

  /** Deals with one message, which comes or is there; answers what it was about. */
  String next() {
    if (receiver.await(Optional.empty(), PATIENCE_MILLIS) != Event.MESSAGE) {
      throw new AssertionError("no message came, after " + heard);
    }
    Message message = receiver.receive().orElseThrow();
    store.on(message).ifPresent(why -> heard.add("refused: " + why));
    String first = message.text().split("\n", -1)[0];
    heard.add(first);
    return first;
  }

  /** Whether a message waits. */
  boolean isIdle() {
    return receiver.await(Optional.empty(), 0) == Event.NOTHING;
  }

  /** Idempotent: the number of a closed descriptor may be somebody else's by the next time. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      store.close();
      receiver.close();
    }
  }
}
