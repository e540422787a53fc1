package io.selkie.server.ops.attr;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;

/**
 * Which attributes there are for the files of a file system, under a minor version (supported_attrs
 * has the scope of an fsid, RFC 8881 section 5.8.1.1). Made once for each case there is. Immutable
 * as long as nobody changes the sets it hands out.
 */
public final class AttrSupport {

  private static final int ACLS = 1;
  private static final int QUOTAS = 2;
  private static final int LAYOUTS = 4;
  private static final int MINOR_2 = 8;
  private static final AttrSupport[] CASES = new AttrSupport[16];

  static {
    for (int features = 0; features < CASES.length; features++) {
      CASES[features] = new AttrSupport(features);
    }
  }

  private final Bitmap4 supported = new Bitmap4();
  private final Bitmap4 readable = new Bitmap4();
  private final Bitmap4 writeOnly = new Bitmap4();
  private final Bitmap4 settable = new Bitmap4();
  private final Bitmap4 exclusiveCreate = new Bitmap4();

  private AttrSupport(int features) {
    for (Attr attr : Attr.values()) {
      if (!isThere(attr.number(), features)) {
        continue;
      }
      supported.set(attr.number());
      (attr.encoder() != null ? readable : writeOnly).set(attr.number());
      if (attr.decoder() != null) {
        settable.set(attr.number());
      }
    }
    // The times keep the verifier (section 18.16.4).
    exclusiveCreate
        .assign(settable)
        .unset(FileAttributes.FATTR4_TIME_ACCESS_SET)
        .unset(FileAttributes.FATTR4_TIME_MODIFY_SET)
        .unset(FileAttributes.FATTR4_TIME_DELEG_ACCESS)
        .unset(FileAttributes.FATTR4_TIME_DELEG_MODIFY);
  }

  /**
   * What there is.
   *
   * @param minorVersion 1 or 2
   * @param acls whether files have access control lists
   * @param quotas whether users have quotas
   * @param layouts whether layouts are offered
   */
  public static AttrSupport of(int minorVersion, boolean acls, boolean quotas, boolean layouts) {
    return CASES[
        (acls ? ACLS : 0)
            | (quotas ? QUOTAS : 0)
            | (layouts ? LAYOUTS : 0)
            | (minorVersion >= 2 ? MINOR_2 : 0)];
  }

  private static boolean isThere(int number, int features) {
    return switch (number) {
      case FileAttributes.FATTR4_ACL -> (features & ACLS) != 0;
      case FileAttributes.FATTR4_QUOTA_AVAIL_HARD,
          FileAttributes.FATTR4_QUOTA_AVAIL_SOFT,
          FileAttributes.FATTR4_QUOTA_USED ->
          (features & QUOTAS) != 0;
      case FileAttributes.FATTR4_LAYOUT_HINT,
          FileAttributes.FATTR4_LAYOUT_TYPES,
          FileAttributes.FATTR4_LAYOUT_BLKSIZE,
          FileAttributes.FATTR4_LAYOUT_ALIGNMENT ->
          (features & LAYOUTS) != 0;
      // What RFC 7862 and its successors added.
      default -> number <= FileAttributes.FATTR4_FS_CHARSET_CAP || (features & MINOR_2) != 0;
    };
  }

  /** All there are, to read or to set: supported_attrs. */
  public Bitmap4 supported() {
    return supported;
  }

  /** What can be read. */
  public Bitmap4 readable() {
    return readable;
  }

  /** What can be set. */
  public Bitmap4 settable() {
    return settable;
  }

  /** What EXCLUSIVE4_1 may set: suppattr_exclcreat. */
  public Bitmap4 exclusiveCreate() {
    return exclusiveCreate;
  }

  /** Whether somebody wants to read what can only be set: NFS4ERR_INVAL. */
  public boolean asksWriteOnly(Bitmap4 asked) {
    return asked.intersects(writeOnly);
  }

  boolean hasAcls() {
    return supported.isSet(FileAttributes.FATTR4_ACL);
  }
}
