package io.selkie.rdma.verbs;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.spi.AbstractSelectableChannel;
import java.nio.channels.spi.AbstractSelector;
import java.nio.channels.spi.SelectorProvider;
import java.util.Set;

/**
 * Waits for descriptors of the RDMA libraries, and can be woken: by {@link #wake} and by the
 * interruption of the waiting thread. One thread waits at a time.
 *
 * <p>It is a selector only because that is how the JDK lets others take part in interruption.
 */
final class Waker extends AbstractSelector {

  private static final short POLLIN = 1;
  private static final int POLLFD_BYTES = 8;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment descriptors;
  private final int count;
  private final Object lock = new Object();
  private int eventFd;

  /**
   * @param others descriptors to wait for
   */
  Waker(int... others) throws VerbsException {
    super(SelectorProvider.provider());
    eventFd = NativeVerbs.newWaker();
    count = others.length + 1;
    descriptors = arena.allocate((long) POLLFD_BYTES * count, 8);
    describe(0, eventFd);
    for (int i = 0; i < others.length; i++) {
      describe(i + 1, others[i]);
    }
  }

  private void describe(int index, int descriptor) {
    descriptors.set(ValueLayout.JAVA_INT, (long) index * POLLFD_BYTES, descriptor);
    descriptors.set(ValueLayout.JAVA_SHORT, (long) index * POLLFD_BYTES + 4, POLLIN);
  }

  /**
   * Waits until a descriptor is readable, somebody wakes this, the thread is interrupted, or the
   * time is over. To be called by one thread at a time, never after {@link #close}.
   *
   * @param nanos bound; negative waits for ever
   */
  void await(long nanos) throws VerbsException {
    begin();
    try {
      NativeVerbs.waitReadable(descriptors.address(), count, nanos);
    } finally {
      end();
    }
    NativeVerbs.calm(eventFd);
  }

  /** Ends the wait that is under way, or the next one at once. Does nothing after the end. */
  void wake() {
    synchronized (lock) {
      if (eventFd >= 0) {
        try {
          NativeVerbs.wake(eventFd);
        } catch (VerbsException e) {
          throw new IllegalStateException("a waker cannot be woken", e);
        }
      }
    }
  }

  @Override
  public Selector wakeup() {
    wake();
    return this;
  }

  @Override
  protected void implCloseSelector() {
    synchronized (lock) {
      if (eventFd >= 0) {
        NativeVerbs.closeWaker(eventFd);
        eventFd = -1;
        arena.close();
      }
    }
  }

  @Override
  protected SelectionKey register(AbstractSelectableChannel channel, int ops, Object attachment) {
    throw new UnsupportedOperationException("waits for its own descriptors only: " + channel);
  }

  @Override
  public Set<SelectionKey> keys() {
    return Set.of();
  }

  @Override
  public Set<SelectionKey> selectedKeys() {
    return Set.of();
  }

  @Override
  public int selectNow() {
    throw new UnsupportedOperationException("await is the way to wait here");
  }

  @Override
  public int select(long timeout) {
    throw new UnsupportedOperationException("await is the way to wait here");
  }

  @Override
  public int select() {
    throw new UnsupportedOperationException("await is the way to wait here");
  }
}
