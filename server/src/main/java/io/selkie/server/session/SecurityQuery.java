package io.selkie.server.session;

import io.selkie.protocol.rpc.RpcConst;
import io.selkie.server.compound.CompoundContext;
import java.util.List;

/** What SECINFO_NO_NAME has to know about files. */
@FunctionalInterface
public interface SecurityQuery {

  /** The status that LOOKUPP would have on the current filehandle. May enter the file system. */
  int checkParent(CompoundContext c);

  /**
   * The flavors that are good for the current filehandle, or for its parent.
   *
   * @param ofParent asked only when {@link #checkParent} found one
   */
  default List<Integer> flavors(CompoundContext c, boolean ofParent) {
    return List.of(RpcConst.AUTH_SYS, RpcConst.AUTH_NONE);
  }
}
