package io.selkie.layout;

import io.selkie.layout.LayoutHandle.OnWrite;
import io.selkie.lease.BlockMap;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import java.util.ArrayList;
import java.util.List;

/**
 * One part of a granted layout: a handle with the blocks it names, or a hole. Guarded by its file's
 * lock.
 *
 * <p><b>Partial return.</b> A handle cannot be shortened without telling the client, so what a
 * client gives back is noted, and the handle is invalidated when the last byte of it was given
 * back. Until then the whole part counts for conflicts, and recalls ask for whole parts, so that a
 * file's blocks are never changed under a handle that still works.
 */
final class Part {

  /** Pieces that a client may leave behind in one part; beyond, a return is noted no more. */
  private static final int KEPT_PIECES_MAX = 16;

  final ByteRange range;
  final BlockMap blocks;
  final LayoutHandle handle;

  /** The seal that stands behind the handle; null for a hole. */
  final Seal seal;

  private final boolean sharesBlocks;

  /** Null until the grant was committed, and for ever when it was not. */
  Segment segment;

  Part previous;
  Part next;

  private LayoutState state = LayoutState.GRANTED;

  /** What the client still has of it; null stands for all. */
  private List<ByteRange> kept;

  /** Recalls that wait for its end; null stands for none. */
  private List<Recall> recalls;

  /** Requests that wait for its end; null stands for none. */
  private List<Waiter<?>> waiters;

  Part(ByteRange range, BlockMap blocks, LayoutHandle handle, Seal seal) {
    this.range = range;
    this.blocks = blocks;
    this.handle = handle;
    this.seal = seal;
    this.sharesBlocks = seal != null && seal.exact() && isShared(blocks);
  }

  /** Whether other files share some of the blocks: a write copies them to another place first. */
  static boolean isShared(BlockMap blocks) {
    return blocks.extents().stream().anyMatch(BlockMap.Extent::shared);
  }

  static Part hole(ByteRange range) {
    return new Part(range, null, null, null);
  }

  LayoutState state() {
    return state;
  }

  void become(LayoutState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException("layout part " + range + ": " + state + " -> " + next);
    }
    boolean unasked = state == LayoutState.GRANTED && next == LayoutState.RETURNING;
    if (unasked && segment != null && handle != null) {
      handle.givenBack();
    }
    state = next;
  }

  boolean isHole() {
    return handle == null;
  }

  /**
   * Whether a write through the server would make what was granted untrue: it fills holes, and
   * where the mapping is the storage it moves blocks that are shared.
   */
  boolean movesOnWrite() {
    return isHole() || sharesBlocks || onWrite() != OnWrite.NOTHING;
  }

  private OnWrite onWrite() {
    return handle == null ? OnWrite.NOTHING : handle.onWrite();
  }

  /** The same for a write of its own client. */
  boolean movesOnOwnWrite() {
    return sharesBlocks || onWrite() == OnWrite.CHANGES;
  }

  /** The same for a layout for writing of its own client, which knows what it holds. */
  boolean movesOnOwnGrant() {
    return sharesBlocks;
  }

  /** Whether nobody else may write the file, wherever. */
  boolean excludesOtherWriters() {
    return isReadWrite() && onWrite() != OnWrite.NOTHING;
  }

  /** Whether its client may have written what nobody else can read before it is committed. */
  boolean mayBeUncommitted() {
    return isReadWrite() && onWrite() == OnWrite.CHANGES;
  }

  long clientId() {
    return segment == null ? 0 : segment.hold.clientId;
  }

  boolean isReadWrite() {
    return segment != null && segment.isReadWrite();
  }

  void join(Recall recall) {
    if (recalls == null) {
      recalls = new ArrayList<>(1);
    }
    recalls.add(recall);
    recall.outstanding++;
  }

  List<Recall> recalls() {
    return recalls == null ? List.of() : recalls;
  }

  void await(Waiter<?> waiter) {
    if (waiters == null) {
      waiters = new ArrayList<>(1);
    }
    waiters.add(waiter);
    waiter.awaitOneMore();
  }

  List<Waiter<?>> waiters() {
    return waiters == null ? List.of() : waiters;
  }

  /** Notes that the client gave a range back; true when nothing of the part is left to it. */
  boolean giveBack(ByteRange returned) {
    if (returned.contains(range)) {
      return true;
    }
    List<ByteRange> rest = new ArrayList<>();
    for (ByteRange piece : kept == null ? List.of(range) : kept) {
      cut(piece, returned, rest);
    }
    if (rest.size() <= KEPT_PIECES_MAX) {
      kept = rest;
    }
    return rest.isEmpty();
  }

  private static void cut(ByteRange piece, ByteRange away, List<ByteRange> rest) {
    if (!piece.overlaps(away)) {
      rest.add(piece);
      return;
    }
    if (piece.offset() < away.offset()) {
      rest.add(Ranges.between(piece.offset(), away.offset()));
    }
    if (away.end() < piece.end()) {
      rest.add(Ranges.between(away.end(), piece.end()));
    }
  }
}
