package io.selkie.layout;

/** Answer to {@link LayoutArbiter#beforeChange}. */
public sealed interface ChangePermit {

  /** The change may be made; close when it is done. Idempotent close. */
  non-sealed interface Granted extends ChangePermit, AutoCloseable {
    @Override
    void close();
  }

  /**
   * Not yet: answer NFS4ERR_DELAY.
   *
   * @param reason for the log
   * @param soon whether nothing but delegations is in the way, which are often back in a moment:
   *     see {@link DelegationArbiter#recallsOver}
   */
  record Delay(String reason, boolean soon) implements ChangePermit {}
}
