package io.selkie.server.ops.attr;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * What OPEN understands here, for the attribute open_arguments (RFC 9754 section 3): bitmaps of
 * what may stand in its arguments.
 */
final class OpenArguments {

  private static final Bitmap4 ACCESS =
      Bitmap4.of(
          OpenConst4.OPEN4_SHARE_ACCESS_READ,
          OpenConst4.OPEN4_SHARE_ACCESS_WRITE,
          OpenConst4.OPEN4_SHARE_ACCESS_BOTH);

  private static final Bitmap4 DENY =
      Bitmap4.of(
          OpenConst4.OPEN4_SHARE_DENY_NONE,
          OpenConst4.OPEN4_SHARE_DENY_READ,
          OpenConst4.OPEN4_SHARE_DENY_WRITE,
          OpenConst4.OPEN4_SHARE_DENY_BOTH);

  /** ANY_DELEG, NO_DELEG, CANCEL, DELEG_TIMESTAMPS, OPEN_XOR_DELEGATION; no promises for later. */
  private static final Bitmap4 WANT = Bitmap4.of(3, 4, 5, 20, 21);

  private static final Bitmap4 CLAIM =
      Bitmap4.of(
          OpenConst4.CLAIM_NULL,
          OpenConst4.CLAIM_PREVIOUS,
          OpenConst4.CLAIM_DELEGATE_CUR,
          OpenConst4.CLAIM_FH,
          OpenConst4.CLAIM_DELEG_CUR_FH);

  private static final Bitmap4 CREATE =
      Bitmap4.of(OpenConst4.UNCHECKED4, OpenConst4.GUARDED4, OpenConst4.EXCLUSIVE4_1);

  private OpenArguments() {}

  static void encode(XdrWriter out) {
    ACCESS.encode(out);
    DENY.encode(out);
    WANT.encode(out);
    CLAIM.encode(out);
    CREATE.encode(out);
  }
}
