package io.selkie.client;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.direct.DirectIo;
import io.selkie.client.direct.DirectIo.Outcome;
import io.selkie.client.direct.DirtyRange;
import io.selkie.client.layout.Access;
import io.selkie.client.layout.FileLayout;
import io.selkie.client.layout.HeldExtents;
import io.selkie.client.layout.LayoutView;
import io.selkie.client.layout.Unsettled;
import io.selkie.client.nfs.LayoutCalls;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.StateListener;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An open file whose data moves by one-sided RDMA where the server grants it.
 *
 * <p><b>What a write means.</b> When a write has returned, its bytes are in the file: every reader
 * that asks the server, or the file itself, sees them. They are durable when a {@link #sync} or
 * {@link #close} that began afterwards has returned. If the server revoked the layout (a fence) in
 * between, sync asks the server to make the file durable instead; nothing is lost. If the server
 * restarted in between, sync says {@link DurabilityLostException}: the library keeps no copy of
 * directly written data. Data that went through NFS WRITE is kept until it is durable, and is sent
 * again after a restart without the caller noticing.
 *
 * <p><b>When direct access fails in the middle</b> (fence, lost queue pair) the layout is returned
 * first: when the server has taken it back or says that it was revoked, no byte of the failed try
 * can land any more. Then the whole operation is repeated through the server, or, with {@link
 * DirectMode#REQUIRE}, fails with its reason. Positional I/O makes the repetition harmless: nothing
 * is lost or doubled. A write that throws may have taken effect in part, as with any file.
 *
 * <p>Safe for use by several threads. A thread that reads or writes waits for its own completion;
 * an interrupt does not cut direct I/O short, because it owns the caller's memory until it ends.
 */
public final class DirectFile implements AutoCloseable {
  private static final int LOSSES_MAX = 3;

  private final SelkieClient client;
  private final FileNode node;
  private final FileLayout layout;
  private final HeldExtents held;
  private final DirectIo io;
  private final ClientCounters counters;
  private final String path;
  private final DirectMode mode;
  private final int access;
  private final boolean isWritable;
  private final long owner;
  private final AtomicBoolean closed = new AtomicBoolean();
  private volatile Stateid4 stateid;

  DirectFile(
      SelkieClient client,
      FileNode node,
      DirectIo io,
      String path,
      DirectMode mode,
      int access,
      boolean isWritable,
      long owner,
      Stateid4 stateid) {
    this.client = client;
    this.node = node;
    this.layout = node.layout;
    this.held = layout.held();
    this.io = io;
    this.counters = client.counters();
    this.path = path;
    this.mode = mode;
    this.access = access;
    this.isWritable = isWritable;
    this.owner = owner;
    this.stateid = stateid;
  }

  /** The path it was opened with. */
  public String path() {
    return path;
  }

  /** Whether data goes one-sided. */
  public DirectMode mode() {
    return mode;
  }

  /** The size on the server now, in bytes. */
  public long sizeBytes() throws IOException {
    checkOpen();
    return client.files().size(node.handle, path);
  }

  /** The attributes on the server now. */
  public FileStatus status() throws IOException {
    checkOpen();
    return client.names().getAttr(node.handle, path).status();
  }

  // ---- reading ----

  /**
   * Reads from a position. Allocates nothing when a layout is held and {@code target} is native and
   * no larger than a chunk.
   *
   * @param target filled from its start; native memory is used in place where the provider allows
   *     it (see {@link SelkieClient#register})
   * @param position in the file, 0 or more
   * @return bytes read, fewer than asked for only at the end of the file; -1 when there is nothing
   *     at {@code position} or behind it
   */
  public long read(MemorySegment target, long position) throws IOException {
    long wanted = target.byteSize();
    checkRange(position, wanted);
    if (wanted == 0) {
      return 0;
    }
    if (mode != DirectMode.NEVER
        && position + wanted <= held.knownSizeBytes()
        && layout.gate().enter()) {
      LayoutView view = held.view();
      Outcome outcome = transferInGate(view, false, position, target);
      if (outcome == Outcome.DONE) {
        return wanted;
      }
      return readSlowly(target, position, outcome == Outcome.NOT_COVERED ? null : view, outcome);
    }
    return readSlowly(target, position, null, Outcome.NOT_COVERED);
  }

  /**
   * Reads into a buffer's remaining space and moves its position.
   *
   * @return bytes read, or -1 at the end of the file
   */
  public int read(ByteBuffer target, long position) throws IOException {
    int start = target.position();
    long bytes = read(MemorySegment.ofBuffer(target), position);
    if (bytes > 0) {
      target.position(start + (int) bytes);
    }
    return (int) bytes;
  }

  private long readSlowly(MemorySegment target, long position, LayoutView broken, Outcome how)
      throws IOException {
    Deadline deadline = client.deadline();
    LayoutView failed = broken;
    Outcome failure = how;
    Access.Denied denied = null;
    for (int losses = 0; denied == null; ) {
      if (failed != null) {
        denied = abandon(failed, failure, ++losses, deadline);
        failed = null;
        continue;
      }
      if (mode == DirectMode.NEVER) {
        break;
      }
      long bytes = readableBytes(position, target.byteSize());
      if (bytes <= 0) {
        return -1;
      }
      denied = obtain(false, position, bytes, deadline);
      if (denied == null && layout.gate().enter()) {
        LayoutView view = held.view();
        MemorySegment part = bytes == target.byteSize() ? target : target.asSlice(0, bytes);
        failure = transferInGate(view, false, position, part);
        if (failure == Outcome.DONE) {
          return bytes;
        }
        failed = failure == Outcome.NOT_COVERED ? null : view;
      }
      deadline.check("read of " + path, null);
    }
    fallBack(denied);
    long bytes = withOpenState(open -> node.data.read(open, position, target, deadline));
    return bytes == 0 ? -1 : bytes;
  }

  /** How many bytes there are; the server is asked when the range is not known to be there. */
  private long readableBytes(long position, long wanted) throws IOException {
    long known = sizeIfHeld();
    if (position + wanted > known) {
      long mark = held.sizeMark();
      known = client.files().size(node.handle, path);
      held.learnSize(known, mark);
    }
    return Math.min(wanted, known - position);
  }

  // ---- writing ----

  /**
   * Writes all of {@code source} at a position; see the class for what has happened when it
   * returns. Allocates nothing when a layout is held that covers the range, which also means that
   * the range lies inside the file: {@linkplain #setSize set the size} first when much is written.
   */
  public void write(MemorySegment source, long position) throws IOException {
    long length = source.byteSize();
    checkRange(position, length);
    if (!isWritable) {
      throw new NfsStatusException(NfsStat4.NFS4ERR_OPENMODE, path + ": not open for writing");
    }
    if (length == 0) {
      return;
    }
    if (mayWriteAtOnce() && layout.gate().enter()) {
      LayoutView view = held.view();
      Outcome outcome = transferInGate(view, true, position, source);
      if (outcome != Outcome.DONE) {
        writeSlowly(source, position, outcome == Outcome.NOT_COVERED ? null : view, outcome);
      }
      return;
    }
    writeSlowly(source, position, null, Outcome.NOT_COVERED);
  }

  /** What is kept for resending must not come on top of what is written directly. */
  private boolean mayWriteAtOnce() {
    return mode != DirectMode.NEVER && !node.data.isDirty();
  }

  /** Writes a buffer's remaining bytes and moves its position to its limit. */
  public int write(ByteBuffer source, long position) throws IOException {
    int bytes = source.remaining();
    write(MemorySegment.ofBuffer(source), position);
    source.position(source.limit());
    return bytes;
  }

  private void writeSlowly(MemorySegment source, long position, LayoutView broken, Outcome how)
      throws IOException {
    Deadline deadline = client.deadline();
    long length = source.byteSize();
    LayoutView failed = broken;
    Outcome failure = how;
    Access.Denied denied = null;
    for (int losses = 0; denied == null; ) {
      if (failed != null) {
        denied = abandon(failed, failure, ++losses, deadline);
        failed = null;
        continue;
      }
      if (mode == DirectMode.NEVER) {
        break;
      }
      prepareToWriteDirectly(position + length);
      denied = obtain(true, position, length, deadline);
      if (denied == null && layout.gate().enter()) {
        LayoutView view = held.view();
        failure = transferInGate(view, true, position, source);
        if (failure == Outcome.DONE) {
          return;
        }
        failed = failure == Outcome.NOT_COVERED ? null : view;
      }
      deadline.check("write to " + path, null);
    }
    fallBack(denied);
    withOpenState(open -> {
      node.data.write(open, position, source, deadline);
      return null;
    });
  }

  /** A layout never reaches past the end of the file, so the file grows first. */
  private void prepareToWriteDirectly(long end) throws IOException {
    commitKept();
    while (end > sizeIfHeld()) {
      long mark = held.sizeMark();
      long size = client.files().size(node.handle, path);
      if (end > size && !client.grow(node, stateid, size, end, path)) {
        continue;
      }
      held.learnSize(Math.max(size, end), mark);
      return;
    }
  }

  /** So that nothing is sent again later, on top of what is done next. */
  private void commitKept() throws IOException {
    if (node.data.isDirty()) {
      withOpenState(open -> {
        node.data.commit(open);
        return null;
      });
    }
  }

  /** Without a layout anybody may change the size unseen. */
  private long sizeIfHeld() {
    return held.view().extentCount() == 0 ? -1 : held.knownSizeBytes();
  }

  // ---- both ----

  /** Inside the gate, which it leaves: a write is marked dirty before anybody can commit. */
  private Outcome transferInGate(
      LayoutView view, boolean write, long position, MemorySegment memory) {
    long length = memory.byteSize();
    Outcome outcome = Outcome.BROKEN;
    try {
      outcome = io.transfer(view.forAccess(write, position, length), write, position, memory);
      if (outcome == Outcome.DONE) {
        done(write, position, length);
      }
      return outcome;
    } finally {
      layout.gate().exit();
    }
  }

  private void done(boolean write, long position, long length) {
    if (write) {
      layout.dirty().mark(position, position + length);
      counters.increment(Counter.DIRECT_WRITES);
      counters.add(Counter.DIRECT_WRITE_BYTES, length);
    } else {
      counters.increment(Counter.DIRECT_READS);
      counters.add(Counter.DIRECT_READ_BYTES, length);
    }
  }

  /** After a failed try: null when another direct one is worth it. */
  private Access.Denied abandon(LayoutView failed, Outcome failure, int losses, Deadline deadline)
      throws IOException {
    FallbackReason reason = layout.abandon(failed, failure, deadline);
    boolean again =
        mode == DirectMode.REQUIRE
            && reason == FallbackReason.QUEUE_PAIR_LOST
            && losses <= LOSSES_MAX;
    return again ? null : new Access.Denied(reason, path);
  }

  private Access.Denied obtain(boolean write, long position, long length, Deadline deadline)
      throws IOException {
    if (!client.offersLayouts()) {
      return new Access.Denied(FallbackReason.SERVER_HAS_NO_LAYOUTS, client.server());
    }
    boolean insist = mode == DirectMode.REQUIRE;
    Access answer = layout.obtain(write, position, length, () -> stateid, insist, deadline);
    return switch (answer) {
      case Access.Ready _ -> null;
      case Access.Denied denied -> denied;
    };
  }

  private void fallBack(Access.Denied denied) throws DirectUnavailableException {
    FallbackReason reason = denied == null ? FallbackReason.MODE_NEVER : denied.reason();
    if (mode == DirectMode.REQUIRE) {
      throw new DirectUnavailableException(reason, denied == null ? path : denied.detail());
    }
    counters.fallback(reason);
  }

  @FunctionalInterface
  private interface WithState<T> {
    T apply(Stateid4 open) throws IOException;
  }

  /** Opens the file again when the server does not know the open any more, once. */
  private <T> T withOpenState(WithState<T> operation) throws IOException {
    Stateid4 used = stateid;
    try {
      return operation.apply(used);
    } catch (NfsStatusException e) {
      if (!LayoutCalls.isStateGone(e.status()) || !reopen(used)) {
        throw e;
      }
      return operation.apply(stateid);
    }
  }

  private boolean reopen(Stateid4 stale) throws IOException {
    if (stateid.equals(stale)) {
      Stateid4 fresh =
          client.files().reopen(client.normalCalls(), node.handle, access, owner, false, path);
      if (fresh == null) {
        return false;
      }
      stateid = fresh;
    }
    return true;
  }

  /**
   * After the server lost all state: reclaims the open on the new session. What the server does not
   * let us reclaim is opened anew by the next operation that needs it: before RECLAIM_COMPLETE,
   * which follows this, nothing new is given (RFC 8881 section 18.51.3).
   */
  void reclaim(StateListener.RecoveryCalls calls) throws IOException {
    Stateid4 fresh = client.files().reopen(calls, node.handle, access, owner, true, path);
    if (fresh != null) {
      stateid = fresh;
    }
  }

  // ---- asynchronously ----

  /**
   * Reads without waiting. At most {@link ClientOptions#asyncInFlightMax} asynchronous operations
   * are in flight in a client: one more waits here.
   *
   * @param target must stay alive, and untouched, until the future is complete
   * @return completes with what {@link #read(MemorySegment, long)} returns, on a thread of the
   *     client or on one that waits for I/O of its own: dependents must be short and must not block
   */
  public CompletableFuture<Long> readAsync(MemorySegment target, long position) {
    long wanted = target.byteSize();
    checkRange(position, wanted);
    boolean mayStart =
        mode != DirectMode.NEVER && wanted > 0 && position + wanted <= held.knownSizeBytes();
    return startAsync(false, mayStart, target, position, () -> read(target, position));
  }

  /** Writes without waiting; otherwise as {@link #readAsync}. Completes with the bytes written. */
  public CompletableFuture<Long> writeAsync(MemorySegment source, long position) {
    long length = source.byteSize();
    checkRange(position, length);
    return startAsync(
        true,
        length > 0 && isWritable && mayWriteAtOnce(),
        source,
        position,
        () -> {
          write(source, position);
          return length;
        });
  }

  private CompletableFuture<Long> startAsync(
      boolean write,
      boolean mayStart,
      MemorySegment memory,
      long position,
      AsyncOperations.Blocking blocking) {
    AsyncOperations async = client.async();
    CompletableFuture<Long> result = async.begin();
    if (mayStart && layout.gate().enter()) {
      LayoutView view = held.view();
      long length = memory.byteSize();
      boolean started =
          io.start(
              view.forAccess(write, position, length),
              write,
              position,
              memory,
              outcome -> {
                if (outcome == Outcome.DONE) {
                  done(write, position, length);
                }
                layout.gate().exit();
                if (outcome == Outcome.DONE) {
                  async.complete(result, length);
                } else {
                  async.run(result, () -> repeat(write, memory, position, view, outcome));
                }
              });
      if (started) {
        return result;
      }
      layout.gate().exit();
    }
    async.run(result, blocking);
    return result;
  }

  private long repeat(
      boolean write, MemorySegment memory, long position, LayoutView failed, Outcome outcome)
      throws IOException {
    if (!write) {
      return readSlowly(memory, position, failed, outcome);
    }
    writeSlowly(memory, position, failed, outcome);
    return memory.byteSize();
  }

  // ---- size, durability, end ----

  /**
   * Sets the size: cuts the file off, or grows it with zeroes. Growing recalls no layout; to cut,
   * the part of this client's layout that lies behind the cut is returned first.
   */
  public void setSize(long sizeBytes) throws IOException {
    checkRange(sizeBytes, 0);
    commitKept();
    layout.returnFrom(sizeBytes, client.deadline());
    try {
      withOpenState(open -> {
        int status = client.files().setSize(node.handle, open, sizeBytes, -1, path);
        if (status != NfsStat4.NFS4_OK) {
          throw new NfsStatusException(status, "set size of " + path);
        }
        return null;
      });
    } finally {
      held.changedSize(sizeBytes);
    }
    // What another thread's read or write got between the return and the cut.
    layout.returnFrom(sizeBytes, client.deadline());
  }

  /**
   * Makes durable what was written before, directly (RDMA FLUSH where the server offers it, else
   * LAYOUTCOMMIT) or through the server (COMMIT, with its verifier checked and lost data sent
   * again). After a FLUSH others see the file's new times when it is closed here, or its layout
   * goes; if the layout was lost, at the close.
   *
   * @throws DurabilityLostException see the class
   */
  public void sync() throws IOException {
    checkOpen();
    syncNode(false);
  }

  private void syncNode(boolean isLast) throws IOException {
    Deadline deadline = client.deadline();
    int generation = client.stateGeneration();
    Unsettled rest = layout.commitForSync(isLast, deadline);
    DirtyRange.Taken left = rest.dirty();
    if (left != null || node.data.isDirty()) {
      boolean done = false;
      try {
        withOpenState(open -> {
          node.data.commit(open);
          return null;
        });
        done = true;
      } finally {
        if (!done && left != null) {
          layout.dirty().putBack(left);
        }
      }
    }
    if (left != null
        && client.stateGeneration() != generation
        && !node.wasSaved(left, generation)) {
      // The COMMIT may have been answered by a server that never saw the writes.
      node.doubt(left);
    }
    if (rest.timesOwed()) {
      client.files().touch(node.handle, path);
    }
    DirtyRange.Taken doubt = node.takeDoubt();
    if (doubt != null) {
      throw new DurabilityLostException(path, doubt.start(), doubt.length());
    }
  }

  /**
   * Syncs, returns the layout if this was the file's last open in this client, and closes. When the
   * sync fails the file is closed all the same, and the failure thrown. Idempotent.
   */
  @Override
  public void close() throws IOException {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    try {
      if (isWritable) {
        syncNode(true);
      }
    } finally {
      client.closed(this, node, stateid, path);
    }
  }

  /** Gives the open up without a word to the server; for a client that closes anyway. */
  void markClosed() {
    closed.set(true);
  }

  private void checkOpen() throws IOException {
    if (closed.get()) {
      throw new java.nio.channels.ClosedChannelException();
    }
  }

  private void checkRange(long position, long length) {
    if (position < 0 || position + length < 0) {
      throw new IllegalArgumentException(
          path + ": position " + position + ", " + length + " bytes");
    }
    if (closed.get()) {
      throw new IllegalStateException(path + " is closed");
    }
  }
}
