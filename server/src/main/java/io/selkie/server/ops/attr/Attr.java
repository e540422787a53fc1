package io.selkie.server.ops.attr;

import io.selkie.layout.LayoutPolicy;
import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.util.List;

/**
 * The attributes that this server has, one line each: number, how a value is written, and for those
 * that can be set how one is read. In the order of their numbers, which is the order on the wire.
 */
enum Attr {
  SUPPORTED_ATTRS(
      FileAttributes.FATTR4_SUPPORTED_ATTRS, (f, out) -> f.support().supported().encode(out)),
  TYPE(FileAttributes.FATTR4_TYPE, (f, out) -> out.int32(AttrSets.type(f.status()))),
  FH_EXPIRE_TYPE(
      FileAttributes.FATTR4_FH_EXPIRE_TYPE, (f, out) -> out.int32(Nfs4Const.FH4_PERSISTENT)),
  CHANGE(FileAttributes.FATTR4_CHANGE, (f, out) -> out.int64(f.change())),
  SIZE(
      FileAttributes.FATTR4_SIZE,
      (f, out) -> out.int64(f.status().size()),
      (in, to) -> to.size(in.int64())),
  LINK_SUPPORT(FileAttributes.FATTR4_LINK_SUPPORT, (f, out) -> out.bool(true)),
  SYMLINK_SUPPORT(FileAttributes.FATTR4_SYMLINK_SUPPORT, (f, out) -> out.bool(true)),
  NAMED_ATTR(FileAttributes.FATTR4_NAMED_ATTR, (f, out) -> out.bool(false)),
  FSID(
      FileAttributes.FATTR4_FSID,
      (f, out) -> {
        out.int64(f.fsidMajor());
        out.int64(0);
      }),
  UNIQUE_HANDLES(FileAttributes.FATTR4_UNIQUE_HANDLES, (f, out) -> out.bool(true)),
  LEASE_TIME(FileAttributes.FATTR4_LEASE_TIME, (f, out) -> out.int32(f.server().leaseSeconds())),
  RDATTR_ERROR(FileAttributes.FATTR4_RDATTR_ERROR, (f, out) -> out.int32(f.rdattrError())),
  ACL(
      FileAttributes.FATTR4_ACL,
      (f, out) -> WireAce.encode(out, f.acl(), f.owners()),
      (in, to) -> to.takeAcl(WireAce.decode(in))),
  ACLSUPPORT(
      FileAttributes.FATTR4_ACLSUPPORT,
      (f, out) -> out.int32(f.support().hasAcls() ? AttrSets.ALLOW_AND_DENY : 0)),
  CANSETTIME(FileAttributes.FATTR4_CANSETTIME, (f, out) -> out.bool(true)),
  CASE_INSENSITIVE(FileAttributes.FATTR4_CASE_INSENSITIVE, (f, out) -> out.bool(false)),
  CASE_PRESERVING(FileAttributes.FATTR4_CASE_PRESERVING, (f, out) -> out.bool(true)),
  CHOWN_RESTRICTED(FileAttributes.FATTR4_CHOWN_RESTRICTED, (f, out) -> out.bool(true)),
  FILEHANDLE(FileAttributes.FATTR4_FILEHANDLE, AttrSource::encodeFileHandle),
  FILEID(FileAttributes.FATTR4_FILEID, (f, out) -> out.int64(f.status().inode())),
  FILES_AVAIL(FileAttributes.FATTR4_FILES_AVAIL, (f, out) -> out.int64(f.fileSystem().filesFree())),
  FILES_FREE(FileAttributes.FATTR4_FILES_FREE, (f, out) -> out.int64(f.fileSystem().filesFree())),
  FILES_TOTAL(FileAttributes.FATTR4_FILES_TOTAL, (f, out) -> out.int64(f.fileSystem().files())),
  FS_LOCATIONS(
      FileAttributes.FATTR4_FS_LOCATIONS,
      (f, out) -> {
        // Where it is, and that it is nowhere else.
        AttrSets.pathname(out, f.fileSystemRoot());
        out.int32(0);
      }),
  HOMOGENEOUS(FileAttributes.FATTR4_HOMOGENEOUS, (f, out) -> out.bool(true)),
  MAXFILESIZE(FileAttributes.FATTR4_MAXFILESIZE, (f, out) -> out.int64(f.maxFileBytes())),
  MAXLINK(FileAttributes.FATTR4_MAXLINK, (f, out) -> out.int32(AttrSets.LINKS_MAX)),
  MAXNAME(
      FileAttributes.FATTR4_MAXNAME, (f, out) -> out.int32((int) f.fileSystem().nameMaxBytes())),
  MAXREAD(FileAttributes.FATTR4_MAXREAD, (f, out) -> out.int64(f.server().maxReadBytes())),
  MAXWRITE(FileAttributes.FATTR4_MAXWRITE, (f, out) -> out.int64(f.server().maxWriteBytes())),
  MODE(
      FileAttributes.FATTR4_MODE,
      (f, out) -> out.int32(f.status().permissions()),
      (in, to) -> to.takeMode(in.int32())),
  NO_TRUNC(FileAttributes.FATTR4_NO_TRUNC, (f, out) -> out.bool(true)),
  NUMLINKS(FileAttributes.FATTR4_NUMLINKS, (f, out) -> out.int32(f.status().linkCount())),
  OWNER(
      FileAttributes.FATTR4_OWNER,
      (f, out) -> f.owners().encodeUser(out, f.status().uid()),
      (in, to) -> to.owner(in.utf8(Owners.LENGTH_MAX))),
  OWNER_GROUP(
      FileAttributes.FATTR4_OWNER_GROUP,
      (f, out) -> f.owners().encodeGroup(out, f.status().gid()),
      (in, to) -> to.ownerGroup(in.utf8(Owners.LENGTH_MAX))),
  QUOTA_AVAIL_HARD(
      FileAttributes.FATTR4_QUOTA_AVAIL_HARD,
      (f, out) -> out.int64(AttrSets.left(f, f.quota().hardLimitBytes()))),
  QUOTA_AVAIL_SOFT(
      FileAttributes.FATTR4_QUOTA_AVAIL_SOFT,
      (f, out) -> out.int64(AttrSets.left(f, f.quota().softLimitBytes()))),
  QUOTA_USED(FileAttributes.FATTR4_QUOTA_USED, (f, out) -> out.int64(f.quota().usedBytes())),
  RAWDEV(
      FileAttributes.FATTR4_RAWDEV,
      (f, out) -> {
        out.int32(f.status().rdevMajor());
        out.int32(f.status().rdevMinor());
      }),
  SPACE_AVAIL(FileAttributes.FATTR4_SPACE_AVAIL, (f, out) -> out.int64(AttrSets.spaceAvailable(f))),
  SPACE_FREE(
      FileAttributes.FATTR4_SPACE_FREE,
      (f, out) -> out.int64(f.fileSystem().blocksFree() * f.fileSystem().fragmentSize())),
  SPACE_TOTAL(
      FileAttributes.FATTR4_SPACE_TOTAL,
      (f, out) -> out.int64(f.fileSystem().blocks() * f.fileSystem().fragmentSize())),
  SPACE_USED(FileAttributes.FATTR4_SPACE_USED, (f, out) -> out.int64(f.status().blocks() * 512)),
  TIME_ACCESS(
      FileAttributes.FATTR4_TIME_ACCESS,
      (f, out) -> NfsTime4.encode(out, f.status().atimeSec(), f.status().atimeNsec())),
  TIME_ACCESS_SET(
      FileAttributes.FATTR4_TIME_ACCESS_SET, null, (in, to) -> to.accessTime(SetTime.decode(in))),
  TIME_CREATE(
      FileAttributes.FATTR4_TIME_CREATE,
      (f, out) -> {
        // Where the file system keeps none, the oldest time it does keep is the nearest.
        FileStatus s = f.status();
        boolean birth = s.hasBirthTime();
        NfsTime4.encode(
            out,
            birth ? s.btimeSec() : Math.min(s.mtimeSec(), s.ctimeSec()),
            birth ? s.btimeNsec() : 0);
      }),
  TIME_DELTA(FileAttributes.FATTR4_TIME_DELTA, (f, out) -> NfsTime4.encode(out, 0, 1)),
  TIME_METADATA(
      FileAttributes.FATTR4_TIME_METADATA,
      (f, out) -> NfsTime4.encode(out, f.status().ctimeSec(), f.status().ctimeNsec())),
  TIME_MODIFY(
      FileAttributes.FATTR4_TIME_MODIFY,
      (f, out) -> NfsTime4.encode(out, f.status().mtimeSec(), f.status().mtimeNsec())),
  TIME_MODIFY_SET(
      FileAttributes.FATTR4_TIME_MODIFY_SET, null, (in, to) -> to.modifyTime(SetTime.decode(in))),
  MOUNTED_ON_FILEID(
      FileAttributes.FATTR4_MOUNTED_ON_FILEID, (f, out) -> out.int64(f.mountedOnFileId())),
  FS_LAYOUT_TYPES(
      FileAttributes.FATTR4_FS_LAYOUT_TYPES, (f, out) -> layoutTypes(out, f.layoutTypes())),
  LAYOUT_HINT(FileAttributes.FATTR4_LAYOUT_HINT, null, (in, to) -> to.skipLayoutHint(in)),
  LAYOUT_TYPES(FileAttributes.FATTR4_LAYOUT_TYPES, (f, out) -> layoutTypes(out, f.layoutTypes())),
  LAYOUT_BLKSIZE(
      FileAttributes.FATTR4_LAYOUT_BLKSIZE, (f, out) -> out.int32(LayoutPolicy.ALIGNMENT_BYTES)),
  LAYOUT_ALIGNMENT(
      FileAttributes.FATTR4_LAYOUT_ALIGNMENT, (f, out) -> out.int32(LayoutPolicy.ALIGNMENT_BYTES)),
  MODE_SET_MASKED(
      FileAttributes.FATTR4_MODE_SET_MASKED,
      null,
      (in, to) -> to.modeSetMasked(in.int32(), in.int32())),
  SUPPATTR_EXCLCREAT(
      FileAttributes.FATTR4_SUPPATTR_EXCLCREAT,
      (f, out) -> f.support().exclusiveCreate().encode(out)),
  FS_CHARSET_CAP(
      FileAttributes.FATTR4_FS_CHARSET_CAP,
      (f, out) -> out.int32(Nfs4Const.FSCHARSET_CAP4_CONTAINS_NON_UTF8)),
  CLONE_BLKSIZE(
      FileAttributes.FATTR4_CLONE_BLKSIZE,
      (f, out) -> out.int32((int) f.fileSystem().fragmentSize())),
  SPACE_FREED(
      FileAttributes.FATTR4_SPACE_FREED,
      (f, out) -> out.int64(f.status().linkCount() > 1 ? 0 : f.status().blocks() * 512)),
  CHANGE_ATTR_TYPE(
      FileAttributes.FATTR4_CHANGE_ATTR_TYPE,
      (f, out) -> out.int32(Nfs4Const.NFS4_CHANGE_TYPE_IS_MONOTONIC_INCR)),
  MODE_UMASK(
      FileAttributes.FATTR4_MODE_UMASK, null, (in, to) -> to.modeUmask(in.int32(), in.int32())),
  XATTR_SUPPORT(FileAttributes.FATTR4_XATTR_SUPPORT, (f, out) -> out.bool(f.hasXattrs())),
  TIME_DELEG_ACCESS(
      FileAttributes.FATTR4_TIME_DELEG_ACCESS,
      null,
      (in, to) -> to.delegatedAccess(NfsTime4.decode(in))),
  TIME_DELEG_MODIFY(
      FileAttributes.FATTR4_TIME_DELEG_MODIFY,
      null,
      (in, to) -> to.delegatedModify(NfsTime4.decode(in))),
  OPEN_ARGUMENTS(FileAttributes.FATTR4_OPEN_ARGUMENTS, (f, out) -> OpenArguments.encode(out));

  /** Writes a value. */
  @FunctionalInterface
  interface Encoder {
    void encode(AttrSource file, XdrWriter out);
  }

  /** Reads a value to be set. */
  @FunctionalInterface
  interface Decoder {
    void decode(XdrReader in, SetAttrs into);
  }

  private static final Attr[] BY_NUMBER = new Attr[Bitmap4.CAPACITY];

  static {
    int last = -1;
    for (Attr attr : values()) {
      if (attr.number <= last) {
        throw new IllegalStateException(attr + " stands out of order");
      }
      last = attr.number;
      BY_NUMBER[last] = attr;
    }
  }

  private final int number;

  @SuppressWarnings("Immutable") // A lambda without state.
  private final Encoder encoder;

  @SuppressWarnings("Immutable") // A lambda without state.
  private final Decoder decoder;

  Attr(int number, Encoder encoder) {
    this(number, encoder, null);
  }

  Attr(int number, Encoder encoder, Decoder decoder) {
    this.number = number;
    this.encoder = encoder;
    this.decoder = decoder;
  }

  /** Its bit in a bitmap. */
  int number() {
    return number;
  }

  /** Null for one that can only be set. */
  Encoder encoder() {
    return encoder;
  }

  /** Null for one that can only be read. */
  Decoder decoder() {
    return decoder;
  }

  /** The attribute of a number; null when this server does not have it. */
  static Attr of(int number) {
    return BY_NUMBER[number];
  }

  private static void layoutTypes(XdrWriter out, List<Integer> types) {
    out.int32(types.size());
    for (int i = 0; i < types.size(); i++) {
      out.int32(types.get(i));
    }
  }
}
