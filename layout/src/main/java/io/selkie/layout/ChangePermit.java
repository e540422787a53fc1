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
   */
  record Delay(String reason) implements ChangePermit {}
}
