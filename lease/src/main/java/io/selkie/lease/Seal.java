package io.selkie.lease;

import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;

/**
 * A file's block map, held still by a kernel lease for as long as handles on it exist.
 *
 * <p>This is one side of S1: {@link #addHandle} refuses unless the state is {@link SealState#HELD},
 * {@link #release} fails while a handle lives. The other side is in {@code layout}.
 *
 * <p>Threads may share it. No method blocks longer than one system call.
 */
public interface Seal {

  /** The file. */
  SealTarget target();

  /** How it is held. */
  SealMode mode();

  /** Now. */
  SealState state();

  /**
   * Whether places on the storage count, and maps must be exactly equal (S2): the mapping is the
   * storage (DAX with MAP_SYNC), or clients reach the device past the page cache.
   */
  boolean exact();

  /** Memory that stands for the file's bytes from 0; valid until the seal is released. */
  MemorySegment mapping();

  /**
   * Counts a handle that is about to be registered on this seal.
   *
   * @param granted what the handle names; the auditor watches it from now on
   * @return false when the seal is no longer held: register nothing
   */
  boolean addHandle(BlockMap granted);

  /** What a handle names. */
  enum Names {
    /** Memory of {@link #mapping()}. */
    MAPPING,
    /** Places on the storage: only where those are the data ({@link #exact()}). */
    STORAGE
  }

  /** The same for a handle that names something else than memory. */
  default boolean addHandle(BlockMap granted, Names names) {
    return addHandle(granted);
  }

  /** Uncounts a handle whose invalidation has completed. */
  void removeHandle(BlockMap granted);

  /**
   * While {@link SealState#BREAKING}: when the kernel takes the lease (or would have waited too
   * long for it), by the clock of the breaks. Empty otherwise.
   */
  default OptionalLong deadlineNanos() {
    return OptionalLong.empty();
  }

  /**
   * Has the lease outlive this process if that is killed, for as long as those who were granted
   * something may reach the storage ({@link DescriptorKeeper}). To be asked before a handle is
   * handed out that this process cannot take with it when it dies. May block for some seconds the
   * first time, and answers at once when it is so already.
   *
   * @return false where nobody keeps it: then S5 does not hold for this file, which was said
   */
  default boolean keep() {
    return false;
  }

  /**
   * The block map may be about to change, or may have changed, by something done through the
   * server's own description, which breaks no lease: what was read of it counts for nothing from
   * now on. Whoever holds the seal tells of each such change when it begins and when it is over.
   */
  void forgetMap();

  /** Handles that live. */
  int liveHandles();

  /** How long the file is now, in bytes, by one system call; 0 when the kernel does not say. */
  long sizeBytes();

  /** Makes what was written through the mapping durable, cheaply where MAP_SYNC holds. */
  int flush(ByteRange range);

  /**
   * Gives the lease up and unmaps. The breaker goes on within microseconds of the first.
   *
   * @return when the lease was let go, just before the kernel was told: from then on the map may
   *     change
   * @throws IllegalStateException while a handle lives (S1)
   */
  long release();
}
