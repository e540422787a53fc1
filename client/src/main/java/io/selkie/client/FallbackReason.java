package io.selkie.client;

/** Why an operation did not go one-sided. */
public enum FallbackReason {
  /** The mode says never. */
  MODE_NEVER("direct access is switched off"),
  /** EXCHANGE_ID: the server is no pNFS metadata server, or the export has no RDMA layouts. */
  SERVER_HAS_NO_LAYOUTS("the server offers no RDMA layouts"),
  /** LAYOUTUNAVAILABLE: this file cannot be sealed; asked again at its next open. */
  LAYOUT_UNAVAILABLE("the server cannot seal this file"),
  /** LAYOUTTRYLATER or RECALLCONFLICT: somebody else's layout, or a recall, is in the way. */
  LAYOUT_TRY_LATER("a conflicting layout or a recall is in the way"),
  /** LAYOUTGET failed otherwise. */
  LAYOUT_REFUSED("the server refused the layout"),
  /** The layout granted does not cover the range, or only in states that forbid the access. */
  NOT_COVERED("the layout granted does not cover the range"),
  /** A layout, a device address or a connection answer that breaks the protocol. */
  BAD_LAYOUT("the server sent a layout that breaks the protocol"),
  /** The device cannot be reached, or refused the queue pair. */
  DEVICE_UNREACHABLE("the RDMA device cannot be reached"),
  /** The layout is being returned just now. */
  RECALLED("the layout is being recalled"),
  /** The server revoked the layout and invalidated its handles. */
  FENCED("the server has fenced this client off the file"),
  /** The queue pair broke with the operation in flight. */
  QUEUE_PAIR_LOST("the queue pair was lost");

  private final String text;

  FallbackReason(String text) {
    this.text = text;
  }

  /** One clause for a person. */
  public String text() {
    return text;
  }
}
