package io.selkie.server.ops.attr;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.xdr.XdrReader;

/**
 * settime4.
 *
 * @param toServerTime whether the server's own time is meant
 * @param time otherwise the time
 */
public record SetTime(boolean toServerTime, NfsTime4 time) {

  static SetTime decode(XdrReader in) {
    int how = in.enumeration(Nfs4Const.SET_TO_SERVER_TIME4, Nfs4Const.SET_TO_CLIENT_TIME4);
    return how == Nfs4Const.SET_TO_SERVER_TIME4
        ? new SetTime(true, null)
        : new SetTime(false, NfsTime4.decode(in));
  }

  /** The seconds to give to the kernel. */
  public long seconds() {
    return toServerTime ? 0 : time.seconds();
  }

  /** The nanoseconds to give to the kernel, "now" among them. */
  public long nanos() {
    return toServerTime ? FileStatus.UTIME_NOW : time.nanos();
  }
}
