package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;

/**
 * SET_SSV, RFC 8881 section 18.47. No client here has SP4_SSV, which EXCHANGE_ID refuses, and for
 * all others the answer is NFS4ERR_INVAL.
 */
final class SetSsv implements Operation {

  private static final int BYTES_MAX = 65_536;

  @Override
  public int opcode() {
    return NfsOp4.OP_SET_SSV;
  }

  @Override
  public Cost cost() {
    return Cost.MEMORY;
  }

  @Override
  public int execute(CompoundContext c) {
    c.args().skipVariableOpaque(BYTES_MAX);
    c.args().skipVariableOpaque(BYTES_MAX);
    return NfsStat4.NFS4ERR_INVAL;
  }
}
