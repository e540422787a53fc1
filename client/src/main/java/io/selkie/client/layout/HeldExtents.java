package io.selkie.client.layout;

import io.selkie.client.direct.GrantedExtent;

/**
 * What a client may believe about a file without asking: the extents in use and the size.
 *
 * <p>A server recalls holes from <em>other</em> clients when one writes there, and nobody when a
 * file grows: what this client itself changes through the server, it has to forget by itself. So
 * whoever sends a WRITE or a new size tells it here after the answer and before its own caller
 * hears of it; a read that begins later asks the server. A grant that was on its way meanwhile may
 * have been made before the change: of its holes, those that the change touched are not believed.
 * Holes are forgotten whole: the server, which still counts them as held, may recall them as such.
 *
 * <p>Safe for use by several threads; looking takes no lock.
 */
public final class HeldExtents {
  private static final long UNKNOWN = -1;
  private static final long ALL = Long.MAX_VALUE;

  private volatile LayoutView view = LayoutView.EMPTY;
  private volatile long knownSizeBytes = UNKNOWN;
  private volatile long sizeChanges;

  // Guarded by this. The hull of what was changed since the LAYOUTGET on its way was sent.
  private long changedStart = ALL;
  private long changedEnd;
  private boolean hasForgottenHoles;
  private boolean believesHoles = true;

  HeldExtents() {}

  /** The extents that may be used by who is inside the gate. */
  public LayoutView view() {
    return view;
  }

  /** The size while a layout is held, in bytes, or -1; others may have grown the file since. */
  public long knownSizeBytes() {
    return knownSizeBytes;
  }

  /** To be taken before the server is asked for the size, for {@link #learnSize}. */
  public long sizeMark() {
    return sizeChanges;
  }

  /** The server said the size; not believed when it may be older than a change of ours. */
  public synchronized void learnSize(long sizeBytes, long mark) {
    if (mark == sizeChanges) {
      knownSizeBytes = sizeBytes;
    }
  }

  /** The size may be another now: the next read past what is certain asks the server. */
  public synchronized void forgetSize() {
    sizeChanges++;
    knownSizeBytes = UNKNOWN;
  }

  /**
   * A WRITE of bytes {@code start} to {@code end}, exclusive, was answered, or failed: it may have
   * filled holes.
   *
   * @param isOver false when the server may still carry it out: it would tell nobody, so no hole of
   *     the file is believed any more until its last close
   */
  public synchronized void changedThroughServer(long start, long end, boolean isOver) {
    believesHoles &= isOver;
    changedStart = Math.min(changedStart, start);
    changedEnd = Math.max(changedEnd, end);
    forgetHoles(start, end);
  }

  /** The size was set through the server, or setting it failed. */
  public synchronized void changedSize(long sizeBytes) {
    forgetSize();
    changedThroughServer(sizeBytes, ALL, true);
  }

  /** Before a LAYOUTGET is sent; there is never more than one on its way. */
  synchronized void expectGrant(boolean write) {
    changedStart = ALL;
    changedEnd = 0;
    if (write) {
      // To grant it the server fills holes, whether or not the grant then reaches us.
      forgetHoles(0, ALL);
    }
  }

  /** Whether own changes may have cost the last grant some of its holes. */
  synchronized boolean isChangedSinceExpected() {
    return changedStart < changedEnd;
  }

  /** A grant comes into use. */
  synchronized void add(GrantedLayout.Extents granted) {
    view =
        new LayoutView(
            view.readable().with(granted.readable()), view.writable().with(granted.writable()));
    forgetHoles(believesHoles ? changedStart : 0, believesHoles ? changedEnd : ALL);
    for (GrantedExtent extent : granted.writable()) {
      forgetHoles(extent.start(), extent.end());
    }
  }

  private synchronized void forgetHoles(long start, long end) {
    LayoutView old = view;
    var rest = old.readable().withoutHolesTouching(start, end);
    if (rest != old.readable()) {
      view = new LayoutView(rest, old.writable());
      hasForgottenHoles = true;
    }
  }

  /** Whether the server may think that something of a range is held. */
  synchronized boolean mayHold(long start, long end) {
    return hasForgottenHoles || view.touches(start, end);
  }

  /** What touches a range goes back. */
  synchronized void narrow(long start, long end) {
    view =
        new LayoutView(
            view.readable().withoutTouching(start, end),
            view.writable().withoutTouching(start, end));
  }

  /** Nothing is held any more. */
  synchronized void clear() {
    view = LayoutView.EMPTY;
    hasForgottenHoles = false;
  }
}
