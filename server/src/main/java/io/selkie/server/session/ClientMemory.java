package io.selkie.server.session;

import io.selkie.server.compound.Principal;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BooleanSupplier;

/**
 * Whoever remembers clients beyond the server's end, told of what becomes of them (RFC 8881 section
 * 8.4); of their end it learns by itself, before what they held goes to others. Answers at once.
 * Safe for use by several threads.
 */
public interface ClientMemory {

  /** Remembers nobody. */
  ClientMemory NONE =
      new ClientMemory() {
        @Override
        public void confirmed(
            long clientId, ByteBuffer owner, long verifier, Principal principal) {}

        @Override
        public CompletionStage<Void> reclaimComplete(long clientId) {
          return CompletableFuture.completedFuture(null);
        }

        @Override
        public void review(long clientId, BooleanSupplier busy) {}
      };

  /**
   * A client is confirmed. Called under the client table's lock, so that an incarnation is known
   * before the end of the earlier one is told.
   *
   * @param owner co_ownerid; not changed later
   */
  void confirmed(long clientId, ByteBuffer owner, long verifier, Principal principal);

  /**
   * RECLAIM_COMPLETE for all file systems.
   *
   * @return complete when what follows from it is on disk; exceptionally when that failed, in which
   *     case the client has to say it again
   */
  CompletionStage<Void> reclaimComplete(long clientId);

  /**
   * From time to time, at least once in a lease: a client that holds nothing needs no record.
   *
   * @param busy whether the client holds any state, or a request of it is under way that may yet
   *     get some
   */
  void review(long clientId, BooleanSupplier busy);
}
