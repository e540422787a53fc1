package io.selkie.server.state;

import io.selkie.protocol.nfs4.NfsStat4;

/**
 * Whether state may be reclaimed or taken anew just now (RFC 8881 section 8.4.2). Asked before
 * opens, byte-range locks and delegations are made. Safe for use by several threads; answers at
 * once and calls nobody.
 */
public interface Grace {

  /** Of a server without a memory: nothing to wait for, and nothing to reclaim. */
  Grace NONE =
      new Grace() {
        @Override
        public boolean inGrace() {
          return false;
        }

        @Override
        public int admitReclaim(long clientId) {
          return NfsStat4.NFS4ERR_NO_GRACE;
        }

        @Override
        public int admitNew(long clientId) {
          return NfsStat4.NFS4_OK;
        }
      };

  /** Whether the grace period lasts still. */
  boolean inGrace();

  /**
   * Whether the client may reclaim what it held before a restart.
   *
   * @return NFS4_OK, NFS4ERR_NO_GRACE or NFS4ERR_RECLAIM_BAD
   */
  int admitReclaim(long clientId);

  /**
   * Whether the client may take what it did not hold before.
   *
   * @return NFS4_OK or NFS4ERR_GRACE
   */
  int admitNew(long clientId);

  /**
   * Whether data may be read or written without an open, by a special stateid: not while an open
   * that denies it may yet be reclaimed.
   *
   * @return NFS4_OK or NFS4ERR_GRACE
   */
  default int admitWithoutOpen(boolean write) {
    return inGrace() ? NfsStat4.NFS4ERR_GRACE : NfsStat4.NFS4_OK;
  }

  /**
   * Whether the client may commit what it wrote by a layout of before a restart.
   *
   * @return NFS4_OK, NFS4ERR_NO_GRACE or NFS4ERR_RECLAIM_BAD
   */
  default int admitCommit(long clientId) {
    return admitReclaim(clientId);
  }
}
