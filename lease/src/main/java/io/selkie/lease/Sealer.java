package io.selkie.lease;

/**
 * Makes and extends seals: prepare, seal, verify (the first half of S1). Calls block in the kernel
 * and run on the caller's thread, which must be one that may block.
 */
public interface Sealer {

  /**
   * Seals a file for a range. The seal's mapping covers the whole file as it was at that moment.
   *
   * @param purpose whether the range is to be prepared for writing
   * @param listener told when the seal must go. Never called when this refuses; but a break may
   *     come in the very moment in which this returns, so be ready for it before the call
   */
  default SealOutcome seal(
      SealTarget target, Purpose purpose, ByteRange range, SealListener listener) {
    return seal(target, purpose, range, Preparation.WHOLE, listener);
  }

  /** The same, where not all of the range has to be prepared: then the map ends earlier. */
  SealOutcome seal(
      SealTarget target,
      Purpose purpose,
      ByteRange range,
      Preparation preparation,
      SealListener listener);

  /**
   * Prepares and verifies a further range under a seal that is held, growing the mapping when the
   * file has grown. What was verified before must still be so, else the outcome is a refusal with
   * {@link Refusal.Reason#MAP_CHANGED} and the listener hears of it.
   */
  default SealOutcome extend(Seal seal, Purpose purpose, ByteRange range) {
    return extend(seal, purpose, range, Preparation.WHOLE);
  }

  /** The same, where not all of the range has to be prepared: then the map ends earlier. */
  SealOutcome extend(Seal seal, Purpose purpose, ByteRange range, Preparation preparation);

  /**
   * Takes a file's lease and nothing else: no range is prepared, no block map read, nothing mapped.
   * Enough for a delegation, which promises that nobody opens the file in conflict with it and says
   * nothing of blocks; {@link #extend} makes the same seal good for handles. Cheap, as an OPEN
   * waits for it: one statx and three fcntl.
   *
   * @param listener as in {@link #seal}
   */
  LeaseOutcome hold(SealTarget target, SealListener listener);

  /** Answer to {@link #hold}. */
  sealed interface LeaseOutcome {
    /** The lease is held. */
    record Leased(Seal seal) implements LeaseOutcome {}

    /** It cannot be had; a value, because it is a normal outcome. */
    record Refused(Refusal refusal) implements LeaseOutcome {}
  }

  /** What the range is sealed for. */
  enum Purpose {
    /** Only remote reads: holes stay holes and come out as such in the block map. */
    READ,
    /** Remote writes too: the range is allocated, unshared and, where it matters, written. */
    READ_WRITE
  }

  /**
   * How much of a range may be changed to make it fit for writing. What is fit already is always
   * part of the answer: it ends before the first bytes that would have to be prepared beyond this.
   *
   * @param leastBytes from the start of the range: without these it is refused
   * @param windowBytes from the start of the range: these too, as far as there is plenty of room
   * @param blockBytes 0: the map ends where the file ends. Else it is one of whole blocks of so
   *     many bytes, and for writing it may lie past the end of the file, where blocks are allocated
   *     but stay unwritten: only a commit can tell what of them is data
   */
  record Preparation(long leastBytes, long windowBytes, int blockBytes) {
    /** All of it, or nothing. */
    public static final Preparation WHOLE = new Preparation(Long.MAX_VALUE, Long.MAX_VALUE);

    /** Checks the bounds. */
    public Preparation {
      if (leastBytes <= 0 || windowBytes < leastBytes) {
        throw new IllegalArgumentException("prepare " + leastBytes + " to " + windowBytes);
      }
      if (blockBytes != 0 && Integer.bitCount(blockBytes) != 1) {
        throw new IllegalArgumentException("blocks of " + blockBytes + " bytes");
      }
    }

    /** Inside the file. */
    public Preparation(long leastBytes, long windowBytes) {
      this(leastBytes, windowBytes, 0);
    }

    /** Whether the map is one of whole blocks. */
    public boolean inBlocks() {
      return blockBytes != 0;
    }

    /** The end of the block in which a file of this size ends; the size where bytes count. */
    public long endOfFile(long sizeBytes) {
      return inBlocks() ? Math.addExact(sizeBytes, blockBytes - 1L) & -blockBytes : sizeBytes;
    }
  }

  /** Told about the end of a seal, on the lease signal thread or the auditor's: must not block. */
  interface SealListener {
    /**
     * The seal must be given up before the deadline.
     *
     * @param breakingAtNanos when it was seen
     * @param deadlineNanos when the kernel takes the lease, by the same clock
     */
    void onBreak(Seal seal, BreakCause cause, long breakingAtNanos, long deadlineNanos);
  }

  /** Why a seal must go. */
  enum BreakCause {
    /** Another process wants the file: the kernel signalled a lease break. */
    KERNEL_LEASE_BREAK,
    /** The auditor found a block map other than the one granted. */
    AUDIT_DIFFERENCE
  }

  /** Answer to {@link #seal} and {@link #extend}. */
  sealed interface SealOutcome {
    /**
     * It is held and verified.
     *
     * @param map the block map of the asked range, clipped to it, to the end of file and to what
     *     was prepared, read after the lease was taken
     */
    record Sealed(Seal seal, BlockMap map) implements SealOutcome {}

    /** It cannot be had; a value, because it is a normal outcome. */
    record Refused(Refusal refusal) implements SealOutcome {}
  }

  /**
   * Why not.
   *
   * @param reason for programs
   * @param message one line: what was tried, on what, what to do
   */
  record Refusal(Reason reason, String message) {
    /** Classes of refusal. */
    public enum Reason {
      /** Someone else has the file open or mapped. */
      IN_USE,
      /** Neither ours nor CAP_LEASE. */
      NOT_PERMITTED,
      /** The file system has no leases, no FIEMAP, or no shared mapping. */
      UNSUPPORTED,
      /** No space to allocate the range. */
      NO_SPACE,
      /** Extents that cannot be granted: inline, encoded, encrypted, shared and not unsharable. */
      UNSUITABLE_EXTENTS,
      /** The map read after sealing is not acceptable, or changed. */
      MAP_CHANGED,
      /** The range lies wholly past the end of file. */
      PAST_END,
      /** Not a regular file. */
      NOT_REGULAR,
      /** A break is in progress. */
      BREAKING,
      /**
       * Preparing would fill a hole, or write or unshare an extent, that a live handle's map names
       * as such: recall that handle first.
       */
      HOLE_GRANTED,
      /** Part of the range lies on blocks that cannot be read. */
      MEDIA_ERROR,
      /** Another error of the system; the message has it. */
      SYSTEM
    }
  }

  /**
   * Whether a seal of the file could be exact ({@link Seal#exact}), before anything is prepared for
   * one. A sealer that cannot tell says yes: the seal itself has the last word.
   */
  default boolean mayBeExact(SealTarget target) {
    return true;
  }
}
