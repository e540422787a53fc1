package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.FileStatus;
import io.selkie.posix.Names;
import java.util.OptionalInt;

/** Which names a client may use, and which status tells that a file is of the wrong kind. */
final class NameRules {
  private NameRules() {}

  /**
   * Checks one component of a name (RFC 8881 sections 14.5 and 15.1.7).
   *
   * @return NFS4ERR_INVAL when empty, NFS4ERR_NAMETOOLONG, NFS4ERR_BADCHAR for a slash or a zero
   *     byte, NFS4ERR_BADNAME for {@code .} and {@code ..}
   */
  static int check(byte[] name) {
    if (name.length == 0) {
      return NFS4ERR_INVAL;
    }
    if (name.length > Names.NAME_MAX_BYTES) {
      return NFS4ERR_NAMETOOLONG;
    }
    if (Names.isDotOrDotDot(name)) {
      return NFS4ERR_BADNAME;
    }
    return Names.isComponent(name) ? NFS4_OK : NFS4ERR_BADCHAR;
  }

  /** Why a file has no data to open; empty for a regular file. */
  static OptionalInt notRegular(FileStatus status) {
    return switch (status.type()) {
      case FileStatus.TYPE_REGULAR -> OptionalInt.empty();
      case FileStatus.TYPE_DIRECTORY -> OptionalInt.of(NFS4ERR_ISDIR);
      case FileStatus.TYPE_SYMBOLIC_LINK -> OptionalInt.of(NFS4ERR_SYMLINK);
      default -> OptionalInt.of(NFS4ERR_WRONG_TYPE);
    };
  }
}
