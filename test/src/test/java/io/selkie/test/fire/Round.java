package io.selkie.test.fire;

import io.selkie.test.wire.RawNfs;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;

/** One grant and the writes through it. Shared by the threads of a client. */
final class Round {

  private final int file;
  private final int grant;
  private final List<RawNfs.Extent> extents;
  private final CountDownLatch idle;
  private final CompletableFuture<Boolean> placed = new CompletableFuture<>();
  private volatile boolean ended;
  private volatile boolean returned;

  Round(int file, int grant, List<RawNfs.Extent> extents, int floods) {
    this.file = file;
    this.grant = grant;
    this.extents = List.copyOf(extents);
    this.idle = new CountDownLatch(floods);
  }

  int file() {
    return file;
  }

  int grant() {
    return grant;
  }

  List<RawNfs.Extent> extents() {
    return extents;
  }

  /** Open when no write is under way any more and none will begin. */
  CountDownLatch idle() {
    return idle;
  }

  /** Whether writes of this grant were placed: true with the first, false when there was none. */
  CompletableFuture<Boolean> placed() {
    return placed;
  }

  /** One flood has no write under way any more and begins none. */
  void leave() {
    idle.countDown();
    if (idle.getCount() == 0) {
      placed.complete(false);
    }
  }

  /** No write begins any more. */
  void end() {
    ended = true;
  }

  boolean isEnded() {
    return ended;
  }

  /** The server has answered the return. */
  void setReturned() {
    returned = true;
  }

  /** Whether a write that begins now must fail. */
  boolean isOver(Board board) {
    return returned || board.isOver(file, grant);
  }
}
