package io.selkie.test.drill;

/** What a client does when a layout is recalled, as scenarios name it. */
enum Conduct {
  /** Ends what it does, commits, returns at once. */
  ANSWER,
  /** The same after its delay. */
  LATE,
  /** Returns the first half of what is recalled, keeps the rest. */
  PARTLY,
  /** Says yes and never returns. */
  NEVER,
  /** Does not answer the callback. */
  IGNORE,
  /** Answers that it has no such layout, and has. */
  DENY,
  /** Asks to be asked later, each time. */
  DELAY,
  /** Its connection ends; its queue pairs go on. */
  DISCONNECT,
  /** Says yes, does not return, and writes one-sided as fast as it can. */
  KEEP_WRITING,
  /** Returns the layout and writes on through the handle that it has given back. */
  RETURN_AND_WRITE,
  /** Returns a range that it never held, and keeps what was recalled. */
  RETURN_ANOTHER;

  /** What it does. */
  RecallConduct conduct() {
    return switch (this) {
      case ANSWER -> new Returning();
      case LATE -> new ReturningLate();
      case PARTLY -> new ReturningPartly();
      case NEVER -> new Keeping();
      case IGNORE -> new Ignoring();
      case DENY -> new Denying();
      case DELAY -> new Delaying();
      case DISCONNECT -> new Disconnecting();
      case KEEP_WRITING -> new WritingOn();
      case RETURN_AND_WRITE -> new ReturningAndWriting();
      case RETURN_ANOTHER -> new ReturningAnother();
    };
  }
}
