package io.selkie.lease;

/** Life of a seal; the only edges are those of {@link Seal}'s transition method. */
public enum SealState {
  /** Made, nothing done yet. */
  NEW,
  /** Ranges are being allocated, zeroed, unshared. */
  PREPARING,
  /** The kernel lease is being taken. */
  SEALING,
  /** The lease is held; the block map is being read and checked (S2). */
  VERIFYING,
  /** Handles may exist. */
  HELD,
  /** The kernel, or an audit, wants it back: handles are being taken back, none may be added. */
  BREAKING,
  /** The lease was given up before the kernel took it, no handle lived. End. */
  RELEASED,
  /** The kernel took the lease, or sealing failed. End. */
  LOST
}
