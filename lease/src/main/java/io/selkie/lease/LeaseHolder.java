package io.selkie.lease;

/** Who holds a kernel lease; told when it breaks. */
interface LeaseHolder {
  /**
   * The kernel wants the lease back. May be called before {@link LeaseKeeper#take} has returned,
   * and more than once. Must not block.
   *
   * @param seenAtNanos when the break was seen
   */
  void onLeaseBreak(long seenAtNanos);

  /** The file, for events. */
  SealTarget target();
}
