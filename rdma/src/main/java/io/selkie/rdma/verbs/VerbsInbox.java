package io.selkie.rdma.verbs;

import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.QueuePairListener;
import java.io.IOException;
import java.util.ArrayDeque;

/**
 * What the peer sent: taken from the device, handed on in order, each with its key dead. Bounded by
 * the receive buffers, which go back to the device when their message was handed on.
 *
 * <p>Guarded by {@link VerbsHandles#receiveLock}; the listener is called without it.
 */
final class VerbsInbox implements ReceiveQueue.Sink {

  private enum KeyState {
    NONE,
    DYING,
    DEAD
  }

  private final VerbsQueuePair pair;
  private final VerbsDomain domain;
  private final VerbsHandles handles;
  private final QueuePairListener listener;
  private final ArrayDeque<ReceiveQueue.Message> messages = new ArrayDeque<>();
  private final OneAtATime delivery = new OneAtATime(this::deliverNext, this::hasNext);
  // Of the key of the oldest message.
  private KeyState keyState = KeyState.NONE;
  private volatile boolean deviceBrokeIt;

  /**
   * @param listener null for none
   */
  VerbsInbox(
      VerbsQueuePair pair, VerbsDomain domain, VerbsHandles handles, QueuePairListener listener) {
    this.pair = pair;
    this.domain = domain;
    this.handles = handles;
    this.listener = listener;
  }

  /** Whether the device ended the queue pair by itself. */
  boolean deviceBrokeIt() {
    return deviceBrokeIt;
  }

  /**
   * Takes what is there.
   *
   * @param arm whether to ask for an event when more comes
   */
  void take(boolean arm) {
    handles.receiveLock().lock();
    try {
      if (handles.isOpen()) {
        if (arm) {
          handles.receives().arm();
        }
        handles.receives().poll(this);
      }
    } catch (IOException e) {
      pair.onTrouble("messages cannot be taken: " + e.getMessage());
    } finally {
      handles.receiveLock().unlock();
    }
  }

  @Override
  public void onMessage(ReceiveQueue.Message message) {
    messages.add(message);
  }

  @Override
  public void onFailure(int status) {
    // On iWARP buffers come back whenever a connection ends; its event says why.
    deviceBrokeIt |= status != WorkCompletions.FLUSHED || !domain.provider().device().iwarp();
  }

  /** Hands on what arrived. On the loop, or on a thread that polls. */
  void deliver() {
    delivery.run();
  }

  /** Hands on one message; whether there was one. */
  private boolean deliverNext() {
    ReceiveQueue.Message next = next();
    if (next == null) {
      return false;
    }
    if (listener == null) {
      pair.end(
          new DisconnectCause(
              DisconnectCause.Kind.LOCAL_ERROR,
              pair.remoteAddress() + " sent a message, and nobody here takes one"));
    } else {
      listener.onMessage(next.bytes(), next.key());
      giveBack(next.slot());
    }
    return true;
  }

  private boolean hasNext() {
    handles.receiveLock().lock();
    try {
      return !messages.isEmpty() && keyState != KeyState.DYING;
    } finally {
      handles.receiveLock().unlock();
    }
  }

  /** The oldest message; null when there is none, or while its key is not dead yet. */
  private ReceiveQueue.Message next() {
    handles.receiveLock().lock();
    try {
      ReceiveQueue.Message head = messages.peek();
      if (head == null || keyState == KeyState.DYING) {
        return null;
      }
      VerbsRegion region =
          head.key() == 0 || keyState == KeyState.DEAD ? null : domain.byKey(head.key());
      if (region == null) {
        // No key, or none that is alive in this domain any more: what the message asks is so.
        keyState = KeyState.NONE;
        return messages.poll();
      }
      keyState = KeyState.DYING;
      var _ = region.invalidate().whenComplete((nothing, failure) -> keyIsDead(failure));
      return null;
    } finally {
      handles.receiveLock().unlock();
    }
  }

  private void keyIsDead(Throwable failure) {
    if (failure != null) {
      pair.onTrouble(
          "a key that %s took back cannot be: %s"
              .formatted(pair.remoteAddress(), failure.getMessage()));
      return;
    }
    handles.receiveLock().lock();
    try {
      keyState = KeyState.DEAD;
    } finally {
      handles.receiveLock().unlock();
    }
    pair.onNews();
  }

  private void giveBack(int slot) {
    handles.receiveLock().lock();
    try {
      if (handles.isOpen() && pair.isUp()) {
        handles.receives().giveBack(slot);
      }
    } catch (IOException e) {
      pair.onTrouble("a receive buffer cannot be given back: " + e.getMessage());
    } finally {
      handles.receiveLock().unlock();
    }
  }
}
