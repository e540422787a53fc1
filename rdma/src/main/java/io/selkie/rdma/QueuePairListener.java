package io.selkie.rdma;

import java.nio.ByteBuffer;

/**
 * Told about the life of a queue pair on the passive side. Called on the provider's thread for that
 * queue pair, in order; must not block.
 */
public interface QueuePairListener {

  /** The connection is up; {@code queuePair} may be closed or posted to from now on. */
  void onEstablished(QueuePair queuePair);

  /**
   * An untagged message arrived (RDMAP Send and its kinds). The buffer is valid until this returns.
   *
   * @param invalidatedKey key that a Send with Invalidate took back, or 0
   */
  default void onMessage(ByteBuffer message, int invalidatedKey) {}

  /**
   * The queue pair is gone; said exactly once, after the last access through it is over.
   *
   * @param cause why
   */
  void onClosed(DisconnectCause cause);
}
