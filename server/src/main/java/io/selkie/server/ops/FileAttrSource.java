package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.QuotaStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.acl.Nfs4Ace;
import io.selkie.server.ops.attr.AttrSource;
import io.selkie.server.ops.attr.AttrSupport;
import io.selkie.server.ops.attr.OwnerNames;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.VfsFile;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The attributes of one file, for one operation. */
final class FileAttrSource implements AttrSource {

  private static final Bitmap4 QUOTAS =
      Bitmap4.of(
          FileAttributes.FATTR4_QUOTA_AVAIL_HARD,
          FileAttributes.FATTR4_QUOTA_AVAIL_SOFT,
          FileAttributes.FATTR4_QUOTA_USED);

  private final FileServices services;
  private final VfsFile file;
  private final FileStatus status;
  private final long leastChange;
  private FileSystemStatus fileSystem;
  private QuotaStatus quota;
  private List<Nfs4Ace> acl;
  private AttrSupport support;

  /**
   * Of a file.
   *
   * @param status its status, read already
   */
  FileAttrSource(FileServices services, VfsFile file, FileStatus status) {
    this(services, file, status, 0);
  }

  /**
   * Of a file that somebody is changing under a delegation.
   *
   * @param leastChange what the change attribute is at the least
   */
  FileAttrSource(FileServices services, VfsFile file, FileStatus status, long leastChange) {
    this.leastChange = leastChange;
    this.services = services;
    this.file = file;
    this.status = status;
  }

  /** The same under a minor version; to be said before anything else is asked. */
  FileAttrSource under(int minorVersion) {
    return with(services.support(file, minorVersion));
  }

  /** The same where it was looked up already. */
  FileAttrSource with(AttrSupport known) {
    support = known;
    return this;
  }

  /**
   * Reads what costs system calls of its own and may fail.
   *
   * @param asked what will be encoded
   * @return an NFS status
   */
  int prepare(Bitmap4 asked) {
    if (asked.isSet(FileAttributes.FATTR4_ACL)
        && support.supported().isSet(FileAttributes.FATTR4_ACL)) {
      acl = new ArrayList<>();
      int result = FileAcls.read(services.fs().xattrs(), file, status, acl);
      if (result != NfsStat4.NFS4_OK) {
        return result;
      }
    }
    if (asked.intersects(QUOTAS) && support.supported().intersects(QUOTAS)) {
      quota = new QuotaStatus();
      int result = services.fs().getQuota(file, status.uid(), quota);
      if (result != NfsStat4.NFS4_OK) {
        return result;
      }
    }
    return NfsStat4.NFS4_OK;
  }

  @Override
  public AttrSupport support() {
    return support;
  }

  @Override
  public QuotaStatus quota() {
    return quota;
  }

  @Override
  public List<Nfs4Ace> acl() {
    return acl;
  }

  @Override
  public List<String> fileSystemRoot() {
    return file.export().map(export -> List.of(export.name().split("/"))).orElse(List.of());
  }

  @Override
  public FileStatus status() {
    return status;
  }

  @Override
  public long change() {
    return Math.max(leastChange, services.fs().changeOf(status));
  }

  @Override
  public FileSystemStatus fileSystem() {
    if (fileSystem == null) {
      fileSystem = new FileSystemStatus();
      if (services.fs().getFileSystemStatus(file, fileSystem) != NfsStat4.NFS4_OK) {
        // The file went between its status and this: all zeroes is what is left of it.
        fileSystem.set(0, 0, 0, 0, 0, 0, 0);
      }
    }
    return fileSystem;
  }

  @Override
  public void encodeFileHandle(XdrWriter out) {
    out.opaque(file.handleBytes());
  }

  @Override
  public long fsidMajor() {
    return file.export().map(Export::fsidMajor).orElse(0L);
  }

  @Override
  public long mountedOnFileId() {
    return services.fs().mountedOnFileId(file, status);
  }

  @Override
  public int rdattrError() {
    return NfsStat4.NFS4_OK;
  }

  @Override
  public boolean hasXattrs() {
    return !file.isPseudoRoot() && services.fs().xattrs().list(file, MemorySegment.NULL) >= 0;
  }

  @Override
  public List<Integer> layoutTypes() {
    return services.layoutTypes(file);
  }

  @Override
  public long maxFileBytes() {
    return services.maxFileBytes(file);
  }

  @Override
  public OwnerNames owners() {
    return services.owners();
  }

  @Override
  public ServerAttributes server() {
    return services.attributes();
  }
}
