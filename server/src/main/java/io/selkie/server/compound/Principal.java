package io.selkie.server.compound;

import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RpcConst;

/**
 * Who asks, as far as the RPC credential says: the flavor and, with AUTH_SYS, the user. AUTH_SYS
 * proves nothing, so this tells clients apart that behave; it keeps nobody out.
 *
 * @param uid 0 unless the flavor is AUTH_SYS
 */
public record Principal(int flavor, int uid) {

  /** Returns the principal of a credential. */
  public static Principal of(int flavor, AuthSys credential) {
    return new Principal(flavor, flavor == RpcConst.AUTH_SYS ? credential.uid() : 0);
  }

  /** Keeps the last principal, so that a client's many requests share one object. */
  static final class Holder {
    private Principal last;
    private boolean current;

    void clear() {
      current = false;
    }

    Principal of(int flavor, AuthSys credential) {
      if (!current) {
        int uid = flavor == RpcConst.AUTH_SYS ? credential.uid() : 0;
        if (last == null || last.flavor != flavor || last.uid != uid) {
          last = new Principal(flavor, uid);
        }
        current = true;
      }
      return last;
    }
  }
}
