package io.selkie.server.ops.attr;

import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.QuotaStatus;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.acl.Nfs4Ace;
import java.util.List;

/**
 * Where the values of one file's attributes come from. What costs a system call of its own is asked
 * for only when an attribute needs it.
 */
public interface AttrSource {

  /** Which attributes there are for the file. */
  AttrSupport support();

  /** The file's status. */
  FileStatus status();

  /** The change attribute: greater after every change. */
  long change();

  /** The status of its file system; asked for at most a few times. */
  FileSystemStatus fileSystem();

  /** What its owner may still use; read before with {@link #support()} saying so. */
  QuotaStatus quota();

  /** Its access control list; read before. */
  List<Nfs4Ace> acl();

  /** The path of its file system from the server's root, component by component. */
  List<String> fileSystemRoot();

  /** Writes its filehandle as an opaque. */
  void encodeFileHandle(XdrWriter out);

  /** fsid.major; fsid.minor is 0. The device of a real file, 0 for the server's root. */
  long fsidMajor();

  /** The inode number of what the file covers, where a file system begins; else its own. */
  long mountedOnFileId();

  /** rdattr_error: NFS4_OK unless READDIR could not read the entry. */
  int rdattrError();

  /** Whether its file system has extended attributes of users. */
  boolean hasXattrs();

  /** The layout types offered for the file; empty for none. */
  List<Integer> layoutTypes();

  /** The greatest size that a file can have. */
  default long maxFileBytes() {
    return Long.MAX_VALUE;
  }

  /** How owners are written. */
  default OwnerNames owners() {
    return OwnerNames.NUMBERS;
  }

  /** What is the same for all files. */
  ServerAttributes server();

  /**
   * What is the same for all files.
   *
   * @param leaseSeconds lease_time
   * @param maxReadBytes maxread
   * @param maxWriteBytes maxwrite
   */
  record ServerAttributes(int leaseSeconds, long maxReadBytes, long maxWriteBytes) {}
}
