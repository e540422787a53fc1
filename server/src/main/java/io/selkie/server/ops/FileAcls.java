package io.selkie.server.ops;

import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Names;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.acl.AclMapping;
import io.selkie.server.acl.AclMapping.PosixAcls;
import io.selkie.server.acl.Nfs4Ace;
import io.selkie.server.acl.PosixAcl;
import io.selkie.server.ops.attr.SetAttrs;
import io.selkie.server.vfs.FileXattrs;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.VfsFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Access control lists of files as NFSv4 sees them. The kernel keeps POSIX lists in two extended
 * attributes and keeps them and the permission bits in step. Stateless.
 */
final class FileAcls {

  private static final byte[] ACCESS = Names.bytes("system.posix_acl_access");
  private static final byte[] DEFAULT = Names.bytes("system.posix_acl_default");

  /** Room for the lists there are in practice; a longer one costs a second look. */
  private static final int USUAL_BYTES = 1024;

  private FileAcls() {}

  /**
   * Reads a file's list.
   *
   * @param status of the file
   * @param into receives the entries
   * @return an NFS status
   */
  static int read(FileXattrs xattrs, VfsFile file, FileStatus status, List<Nfs4Ace> into) {
    Read access = read(xattrs, file, ACCESS);
    if (access.status != NfsStat4.NFS4_OK) {
      return access.status;
    }
    Read inherited = status.isDirectory() ? read(xattrs, file, DEFAULT) : Read.NONE;
    if (inherited.status != NfsStat4.NFS4_OK) {
      return inherited.status;
    }
    PosixAcl own = access.acl.orElseGet(() -> PosixAcl.ofMode(status.permissions()));
    into.addAll(AclMapping.toNfs4(new PosixAcls(own, inherited.acl), status.isDirectory()));
    return NfsStat4.NFS4_OK;
  }

  private record Read(int status, Optional<PosixAcl> acl) {
    private static final Read NONE = new Read(NfsStat4.NFS4_OK, Optional.empty());
  }

  private static Read read(FileXattrs xattrs, VfsFile file, byte[] name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(USUAL_BYTES);
      long length = xattrs.get(file, name, value);
      if (Errno.ERANGE.is(length)) {
        value = arena.allocate(PosixAcl.bytesMax());
        length = xattrs.get(file, name, value);
      }
      if (Errno.ENODATA.is(length) || Errno.EOPNOTSUPP.is(length)) {
        return Read.NONE;
      }
      if (length < 0) {
        return new Read(NfsErrors.of(length), Optional.empty());
      }
      Optional<PosixAcl> acl = PosixAcl.decode(value.asSlice(0, length));
      return acl.isPresent()
          ? new Read(NfsStat4.NFS4_OK, acl)
          : new Read(NfsStat4.NFS4ERR_SERVERFAULT, Optional.empty());
    }
  }

  /** Whether what is made in a directory gets a list of its own from there. */
  static boolean hasDefault(FileXattrs xattrs, VfsFile directory) {
    return xattrs.get(directory, DEFAULT, MemorySegment.NULL) > 0;
  }

  /**
   * The POSIX lists that a client asks for, or why there are none.
   *
   * @param acls null unless the status is NFS4_OK
   */
  record Wanted(int status, PosixAcls acls) {}

  /** What the list of a SETATTR or of a create comes to. */
  static Wanted wanted(SetAttrs attrs, boolean directory) {
    List<Nfs4Ace> aces = new ArrayList<>();
    int status = attrs.acl(aces);
    if (status != NfsStat4.NFS4_OK) {
      return new Wanted(status, null);
    }
    Optional<PosixAcls> acls = AclMapping.toPosix(aces, directory);
    return acls.isPresent()
        ? new Wanted(NfsStat4.NFS4_OK, acls.get())
        : new Wanted(NfsStat4.NFS4ERR_ATTRNOTSUPP, null);
  }

  /**
   * Sets a file's lists; the kernel sets the permission bits with them. A directory's default list
   * goes when none is wanted.
   *
   * @return an NFS status
   */
  static int write(FileXattrs xattrs, VfsFile file, boolean directory, PosixAcls acls) {
    long result = NfsStat4.NFS4_OK;
    if (directory) {
      // First, as it changes nobody's access: should the second fail, nothing much has happened.
      result =
          acls.inherited().isPresent()
              ? set(xattrs, file, DEFAULT, acls.inherited().get())
              : xattrs.remove(file, DEFAULT);
      if (Errno.ENODATA.is(result)) {
        result = 0;
      }
    }
    if (result >= 0) {
      result = set(xattrs, file, ACCESS, acls.access());
    }
    return Errno.EOPNOTSUPP.is(result) ? NfsStat4.NFS4ERR_ATTRNOTSUPP : NfsErrors.of(result);
  }

  private static long set(FileXattrs xattrs, VfsFile file, byte[] name, PosixAcl acl) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(acl.bytes());
      acl.encode(value);
      return xattrs.set(file, name, value, 0);
    }
  }
}
