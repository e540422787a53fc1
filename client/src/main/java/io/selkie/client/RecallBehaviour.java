package io.selkie.client;

import java.time.Duration;

/**
 * What a client does when the server recalls a layout. {@link #answer()} is right; the others exist
 * because whoever tests a server's recalls, and our own demonstration of fencing, needs clients
 * that misbehave. Called on the connection's thread: must not block.
 */
@FunctionalInterface
public interface RecallBehaviour {

  /** Decides about one recall. */
  Reaction onRecall(Recall recall);

  /**
   * A recall as it arrived (RFC 8881 section 20.3).
   *
   * @param kind LAYOUTRECALL4_FILE, FSID or ALL
   * @param ioMode LAYOUTIOMODE4_READ, RW or ANY
   * @param changed clora_changed
   * @param file the file, null unless the kind is FILE
   * @param offset first byte recalled, for FILE
   * @param length bytes recalled, all ones for "to the end"
   */
  record Recall(int kind, int ioMode, boolean changed, FileHandle file, long offset, long length) {}

  /** What to do. */
  sealed interface Reaction {}

  /** Answer at once and return the layout as soon as I/O in flight is over. */
  record Answer() implements Reaction {}

  /** Answer at once, go on using the layout, and return it after {@code delay}. */
  record AnswerLate(Duration delay) implements Reaction {}

  /** Answer NFS4_OK and then never return the layout, and go on using it. */
  record AnswerAndKeep() implements Reaction {}

  /** Do not answer the callback at all, and go on using the layout. */
  record Ignore() implements Reaction {}

  /** Answer the callback with this nfsstat4 and go on using the layout. */
  record Refuse(int status) implements Reaction {}

  /** The behaviour that the protocol asks for. */
  static RecallBehaviour answer() {
    Reaction answer = new Answer();
    return recall -> answer;
  }

  /** Returns layouts late. */
  static RecallBehaviour late(Duration delay) {
    Reaction late = new AnswerLate(delay);
    return recall -> late;
  }

  /** Never says anything: the client that must be fenced. */
  static RecallBehaviour never() {
    Reaction ignore = new Ignore();
    return recall -> ignore;
  }

  /** Says yes and does nothing. */
  static RecallBehaviour lie() {
    Reaction keep = new AnswerAndKeep();
    return recall -> keep;
  }
}
