package io.selkie.server.ops.attr;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import java.util.OptionalInt;

/** Attributes that a client wants to set: a fattr4 as SETATTR, OPEN and CREATE carry it. */
public final class SetAttrs {

  /** Longest attribute values accepted, in bytes: two owners and a dozen words. */
  private static final int VALUES_BYTES_MAX = 8192;

  private final Bitmap4 mask = new Bitmap4();
  private int status = NfsStat4.NFS4_OK;
  private long size;
  private int mode;
  private int uid = -1;
  private int gid = -1;
  private SetTime accessTime;
  private SetTime modifyTime;

  private SetAttrs() {}

  /** Nothing to set. */
  public static SetAttrs none() {
    return new SetAttrs();
  }

  /**
   * Reads them to the end, whatever is wrong with them; {@link #status} says what is.
   *
   * @throws XdrException when it is no fattr4
   */
  public static SetAttrs decode(XdrReader in) {
    SetAttrs attrs = new SetAttrs();
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

  void mode(int newMode) {
    mode = newMode;
    if ((newMode & ~07777) != 0) {
      wrong(NfsStat4.NFS4ERR_INVAL);
    }
  }

  void owner(String text) {
    uid = id(text);
  }

  void ownerGroup(String text) {
    gid = id(text);
  }

  private int id(String text) {
    OptionalInt id = Owners.parse(text);
    if (id.isEmpty()) {
      wrong(NfsStat4.NFS4ERR_BADOWNER);
    }
    return id.orElse(-1);
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

  /** Whether the mode is to be set. */
  public boolean hasMode() {
    return mask.isSet(FileAttributes.FATTR4_MODE);
  }

  /** The mode, valid with {@link #hasMode}: permission bits, 07777. */
  public int mode() {
    return mode;
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

  /** The time of last access to set, or null. */
  public SetTime accessTime() {
    return accessTime;
  }

  /** The time of last modification to set, or null. */
  public SetTime modifyTime() {
    return modifyTime;
  }
}
