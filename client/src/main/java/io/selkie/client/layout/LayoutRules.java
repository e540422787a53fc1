package io.selkie.client.layout;

import io.selkie.client.FallbackReason;
import io.selkie.protocol.nfs4.NfsStat4;

/** What statuses and sequence numbers mean for a client's layouts. Stateless. */
final class LayoutRules {
  private LayoutRules() {}

  /** The denial that LAYOUTGET's status stands for. */
  static Access.Denied denied(int status, String path, long offset, long end) {
    FallbackReason reason =
        switch (status) {
          case NfsStat4.NFS4ERR_LAYOUTTRYLATER,
              NfsStat4.NFS4ERR_RECALLCONFLICT,
              NfsStat4.NFS4ERR_RETURNCONFLICT,
              NfsStat4.NFS4ERR_OLD_STATEID ->
              FallbackReason.LAYOUT_TRY_LATER;
          case NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE -> FallbackReason.LAYOUT_UNAVAILABLE;
          case NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE,
              NfsStat4.NFS4ERR_NOTSUPP,
              NfsStat4.NFS4ERR_OP_ILLEGAL ->
              FallbackReason.SERVER_HAS_NO_LAYOUTS;
          default -> FallbackReason.LAYOUT_REFUSED;
        };
    return new Access.Denied(
        reason,
        "%s: LAYOUTGET of bytes %d to %d answered %s"
            .formatted(path, offset, end, NfsStat4.name(status)));
  }

  /** Whether waiting does not help: who insists on direct access is told at once. */
  static boolean isFinal(FallbackReason reason) {
    return reason != FallbackReason.LAYOUT_TRY_LATER && reason != FallbackReason.RECALLED;
  }

  /**
   * Whether to ask once more at once: the server has seen the layout come back unused, and may have
   * another device for us.
   */
  static boolean isOfDevice(Access.Denied denied) {
    return denied != null && denied.reason() == FallbackReason.DEVICE_UNREACHABLE;
  }

  /** Whether the answer stays the same until the file is opened again. */
  static boolean isForGood(FallbackReason reason) {
    return reason == FallbackReason.LAYOUT_UNAVAILABLE
        || reason == FallbackReason.SERVER_HAS_NO_LAYOUTS;
  }

  /**
   * Serial number arithmetic of a layout stateid's seqid (RFC 8881 section 12.5.5.2.1.4); that it
   * skips zero does not matter for numbers this near to each other.
   */
  static boolean isNewer(int seqid, int than) {
    return seqid - than > 0;
  }
}
