package io.selkie.server.compound;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;

/**
 * What stands in for operations that are not there (RFC 8881 section 16.2.3). The arguments are
 * left unread, which does no harm: a refusal is always the last operation of its compound.
 */
enum Refusal implements Operation {
  /** The number is no operation of this minor version. */
  ILLEGAL(NfsStat4.NFS4ERR_OP_ILLEGAL),
  /** It is one, but it is not implemented, or must not be. */
  NOT_SUPPORTED(NfsStat4.NFS4ERR_NOTSUPP);

  private final int status;

  Refusal(int status) {
    this.status = status;
  }

  @Override
  public int opcode() {
    return NfsOp4.OP_ILLEGAL;
  }

  @Override
  public int execute(CompoundContext c) {
    return status;
  }

  @Override
  public Cost cost() {
    return Cost.MEMORY;
  }
}
