package io.selkie.server.ops.attr;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.acl.Nfs4Ace;
import java.util.List;

/** Attributes that a client wants to set: a fattr4 as SETATTR, OPEN and CREATE carry it. */
public final class SetAttrs {

  /** Longest attribute values accepted, in bytes: an access control list is most of it. */
  private static final int VALUES_BYTES_MAX = 1 << 16;

  private static final int LAYOUT_HINT_BYTES_MAX = 8192;

  private final Bitmap4 mask = new Bitmap4();
  private int status = NfsStat4.NFS4_OK;
  private long size;
  private int mode;
  private int modeMask;
  private int umask;
  private List<WireAce> acl;
  private int uid = -1;
  private int gid = -1;
  private SetTime accessTime;
  private SetTime modifyTime;
  private NfsTime4 delegatedAccess;
  private NfsTime4 delegatedModify;

  private final OwnerNames owners;

  private SetAttrs(OwnerNames owners) {
    this.owners = owners;
  }

  /** Nothing to set. */
  public static SetAttrs none() {
    return new SetAttrs(OwnerNames.NUMBERS);
  }

  /**
   * Reads them to the end, whatever is wrong with them; {@link #status} says what is.
   *
   * @throws XdrException when it is no fattr4
   */
  public static SetAttrs decode(XdrReader in) {
    return decode(in, OwnerNames.NUMBERS);
  }

  /** The same where owners may have names. */
  public static SetAttrs decode(XdrReader in, OwnerNames owners) {
    SetAttrs attrs = new SetAttrs(owners);
    attrs.mask.decode(in);
    int length = in.opaqueLength(VALUES_BYTES_MAX);
    int next = in.position() + Xdr.padded(length);
    int limit = in.beginNested(length);
    try {
      attrs.decodeValues(in);
    } finally {
      in.endNested(limit);
    }
    in.position(next);
    return attrs;
  }

  private void decodeValues(XdrReader in) {
    if (mask.hasBeyond()) {
      status = NfsStat4.NFS4ERR_ATTRNOTSUPP;
      return;
    }
    for (int number = mask.next(0); number >= 0; number = mask.next(number + 1)) {
      Attr attr = Attr.of(number);
      if (attr == null) {
        // What follows cannot be read, as nobody knows how long this one is.
        status = NfsStat4.NFS4ERR_ATTRNOTSUPP;
        return;
      }
      if (attr.decoder() == null) {
        status = NfsStat4.NFS4ERR_INVAL;
        return;
      }
      attr.decoder().decode(in, this);
    }
    if (in.remaining() > 0 && status == NfsStat4.NFS4_OK) {
      status = NfsStat4.NFS4ERR_BADXDR;
    }
  }

  void size(long newSize) {
    size = newSize;
    if (newSize < 0) {
      wrong(NfsStat4.NFS4ERR_FBIG);
    }
  }

  void takeMode(int newMode) {
    mode = newMode;
    if ((newMode & ~07777) != 0) {
      wrong(NfsStat4.NFS4ERR_INVAL);
    }
  }

  void modeSetMasked(int value, int ofMask) {
    mode = value & ofMask;
    modeMask = ofMask;
    if (((value | ofMask) & ~07777) != 0 || (value & ~ofMask) != 0) {
      wrong(NfsStat4.NFS4ERR_INVAL);
    }
  }

  void modeUmask(int newMode, int newUmask) {
    takeMode(newMode);
    umask = newUmask;
    if ((newUmask & ~0777) != 0) {
      wrong(NfsStat4.NFS4ERR_INVAL);
    }
  }

  void takeAcl(List<WireAce> aces) {
    acl = aces;
  }

  /** A hint is taken, and as there is one layout type only, that is all there is to do about it. */
  void skipLayoutHint(XdrReader in) {
    in.int32();
    in.skipVariableOpaque(LAYOUT_HINT_BYTES_MAX);
  }

  void owner(String text) {
    uid = id(owners.user(text));
  }

  void ownerGroup(String text) {
    gid = id(owners.group(text));
  }

  private int id(long idOrStatus) {
    if (idOrStatus >= 0) {
      return (int) idOrStatus;
    }
    wrong((int) -idOrStatus);
    return -1;
  }

  void delegatedAccess(NfsTime4 time) {
    delegatedAccess = checked(time);
  }

  void delegatedModify(NfsTime4 time) {
    delegatedModify = checked(time);
  }

  private NfsTime4 checked(NfsTime4 time) {
    if (!time.isValid()) {
      wrong(NfsStat4.NFS4ERR_INVAL);
    }
    return time;
  }

  void accessTime(SetTime time) {
    accessTime = checked(time);
  }

  void modifyTime(SetTime time) {
    modifyTime = checked(time);
  }

  private SetTime checked(SetTime time) {
    if (!time.toServerTime() && !time.time().isValid()) {
      wrong(NfsStat4.NFS4ERR_INVAL);
    }
    return time;
  }

  private void wrong(int newStatus) {
    if (status == NfsStat4.NFS4_OK) {
      status = newStatus;
    }
  }

  /**
   * NFS4_OK; NFS4ERR_ATTRNOTSUPP for what this server does not have; NFS4ERR_INVAL for what can
   * only be read, or a value that cannot be; NFS4ERR_BADOWNER; NFS4ERR_FBIG.
   */
  public int status() {
    return status;
  }

  /** Which are to be set. */
  public Bitmap4 mask() {
    return mask;
  }

  /** Whether nothing is to be set. */
  public boolean isEmpty() {
    return mask.isEmpty();
  }

  /** Whether the size is to be set. */
  public boolean hasSize() {
    return mask.isSet(FileAttributes.FATTR4_SIZE);
  }

  /** The size, valid with {@link #hasSize}. */
  public long size() {
    return size;
  }

  /**
   * What is wrong with them for the files of a file system: {@link #status()}, before that what
   * there is not.
   *
   * @param support what there is
   * @param creating whether a file is made: only then there is a umask
   */
  public int status(AttrSupport support, boolean creating) {
    if (!support.supported().containsAll(mask)) {
      return NfsStat4.NFS4ERR_ATTRNOTSUPP;
    }
    int modes =
        (mask.isSet(FileAttributes.FATTR4_MODE) ? 1 : 0)
            + (mask.isSet(FileAttributes.FATTR4_MODE_SET_MASKED) ? 1 : 0)
            + (mask.isSet(FileAttributes.FATTR4_MODE_UMASK) ? 1 : 0);
    if (modes > 1 || (!creating && mask.isSet(FileAttributes.FATTR4_MODE_UMASK))) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    return status;
  }

  /** Whether the mode is to be set, in whichever way. */
  public boolean hasMode() {
    return modeAttribute() >= 0;
  }

  /** Which attribute sets the mode; -1 for none. */
  public int modeAttribute() {
    return mask.isSet(FileAttributes.FATTR4_MODE)
        ? FileAttributes.FATTR4_MODE
        : mask.isSet(FileAttributes.FATTR4_MODE_SET_MASKED)
            ? FileAttributes.FATTR4_MODE_SET_MASKED
            : mask.isSet(FileAttributes.FATTR4_MODE_UMASK) ? FileAttributes.FATTR4_MODE_UMASK : -1;
  }

  /** Whether the mode to set depends on the one there is. */
  public boolean modeIsMasked() {
    return mask.isSet(FileAttributes.FATTR4_MODE_SET_MASKED);
  }

  /**
   * The mode to set: permission bits, 07777.
   *
   * @param now the mode there is, or that a new file has when nobody says
   */
  public int mode(int now) {
    return modeIsMasked() ? (now & ~modeMask) | mode : hasMode() ? mode : now;
  }

  /** What a new file's mode loses where the directory has no default list; 0 when not said. */
  public int umask() {
    return umask;
  }

  /** Whether an access control list is to be set. */
  public boolean hasAcl() {
    return acl != null;
  }

  /**
   * The access control list to set, valid with {@link #hasAcl}.
   *
   * @param into receives the entries
   * @return NFS4_OK, NFS4ERR_BADOWNER for a name that is nobody's, NFS4ERR_DELAY for one that is
   *     not to be had quickly
   */
  public int acl(List<Nfs4Ace> into) {
    return WireAce.resolve(acl, into, owners);
  }

  /** Whether owner or group are to be set. */
  public boolean hasOwnership() {
    return uid != -1 || gid != -1;
  }

  /** The owner to set, -1 for none. */
  public int uid() {
    return uid;
  }

  /** The group to set, -1 for none. */
  public int gid() {
    return gid;
  }

  /** Whether a time is to be set. */
  public boolean hasTimes() {
    return accessTime != null || modifyTime != null;
  }

  /** Whether times are brought back that a delegation's holder kept (RFC 9754). */
  public boolean hasDelegatedTimes() {
    return delegatedAccess != null || delegatedModify != null;
  }

  /** The time of last access as a delegation's holder kept it, or null. */
  public NfsTime4 delegatedAccess() {
    return delegatedAccess;
  }

  /** The time of last modification as a delegation's holder kept it, or null. */
  public NfsTime4 delegatedModify() {
    return delegatedModify;
  }

  /** The time of last access to set, or null. */
  public SetTime accessTime() {
    return accessTime;
  }

  /** The time of last modification to set, or null. */
  public SetTime modifyTime() {
    return modifyTime;
  }
}
