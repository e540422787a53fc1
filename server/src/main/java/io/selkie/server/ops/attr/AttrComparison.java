package io.selkie.server.ops.attr;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;

/**
 * VERIFY and NVERIFY (RFC 8881 sections 18.30, 18.15): whether a client's values are the file's.
 * The file's are written as the client wrote its own, and the bytes compared.
 */
public final class AttrComparison {

  private static final int VALUES_BYTES_MAX = 1 << 16;

  private final Bitmap4 mask = new Bitmap4();
  private ByteBuffer values;

  private AttrComparison() {}

  /** What the client sent values of. */
  public Bitmap4 mask() {
    return mask;
  }

  /** Reads the client's fattr4, which stays valid with the request. */
  public static AttrComparison decode(XdrReader in) {
    AttrComparison comparison = new AttrComparison();
    comparison.mask.decode(in);
    comparison.values = in.opaqueSlice(VALUES_BYTES_MAX);
    return comparison;
  }

  /**
   * Compares.
   *
   * @return NFS4ERR_SAME, NFS4ERR_NOT_SAME, NFS4ERR_ATTRNOTSUPP for what this server does not have,
   *     or NFS4ERR_INVAL for what can only be set and for rdattr_error
   */
  public int compare(AttrSource file) {
    if (!file.support().supported().containsAll(mask)) {
      return NfsStat4.NFS4ERR_ATTRNOTSUPP;
    }
    if (file.support().asksWriteOnly(mask) || mask.isSet(FileAttributes.FATTR4_RDATTR_ERROR)) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    ByteBuffer ours = ByteBuffer.allocate(VALUES_BYTES_MAX);
    try {
      AttrSets.encodeValues(new XdrWriter(ours), mask, file);
    } catch (XdrException _) {
      // Ours are longer than any that a client may send.
      return NfsStat4.NFS4ERR_NOT_SAME;
    }
    return ours.flip().equals(values) ? NfsStat4.NFS4ERR_SAME : NfsStat4.NFS4ERR_NOT_SAME;
  }
}
