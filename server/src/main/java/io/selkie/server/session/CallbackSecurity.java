package io.selkie.server.session;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.xdr.XdrException.Kind;
import io.selkie.protocol.xdr.XdrReader;

/**
 * callback_sec_parms4&lt;&gt; (RFC 8881 section 18.33): as whom the server may call the client
 * back. The first usable one is taken. RPCSEC_GSS needs a context of the fore channel, and there
 * are none yet, so its handles never exist.
 *
 * @param flavor AUTH_NONE, AUTH_SYS, or {@link #NOT_USABLE}
 * @param credential the credential with AUTH_SYS
 * @param status NFS4_OK, or NFS4ERR_NOENT if a GSS handle was named that does not exist
 */
record CallbackSecurity(int flavor, AuthSys credential, int status) {

  /** No flavor that could be used was offered. */
  static final int NOT_USABLE = -1;

  /** How many are looked at; ours. */
  private static final int PARMS_MAX = 16;

  private static final int GSS_HANDLE_BYTES_MAX = 1024;

  static CallbackSecurity decode(XdrReader in) {
    int count = in.count(PARMS_MAX, Integer.BYTES);
    int flavor = NOT_USABLE;
    AuthSys credential = null;
    boolean gss = false;
    for (int i = 0; i < count; i++) {
      int offered = in.int32();
      switch (offered) {
        case RpcConst.AUTH_NONE -> {}
        case RpcConst.AUTH_SYS -> {
          AuthSys decoded = new AuthSys();
          decoded.decode(in);
          if (flavor == NOT_USABLE) {
            credential = decoded;
          }
        }
        case RpcConst.RPCSEC_GSS -> {
          in.int32();
          in.skipVariableOpaque(GSS_HANDLE_BYTES_MAX);
          in.skipVariableOpaque(GSS_HANDLE_BYTES_MAX);
          gss = true;
          continue;
        }
        default -> throw Kind.BAD_ENUM.exception();
      }
      if (flavor == NOT_USABLE) {
        flavor = offered;
      }
    }
    return new CallbackSecurity(
        flavor, credential, gss ? NfsStat4.NFS4ERR_NOENT : NfsStat4.NFS4_OK);
  }

  boolean isUsable() {
    return flavor != NOT_USABLE;
  }
}
