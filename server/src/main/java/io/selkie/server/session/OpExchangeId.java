package io.selkie.server.session;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrException.Kind;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * EXCHANGE_ID (RFC 8881 section 18.35). Of the ways to protect state only SP4_NONE is there: the
 * others need RPCSEC_GSS, and without it RFC 8881 allows nothing but to refuse.
 */
final class OpExchangeId implements Operation {

  private static final int FLAGS =
      SessionConst4.EXCHGID4_FLAG_SUPP_MOVED_REFER
          | SessionConst4.EXCHGID4_FLAG_SUPP_MOVED_MIGR
          | SessionConst4.EXCHGID4_FLAG_SUPP_FENCE_OPS
          | SessionConst4.EXCHGID4_FLAG_BIND_PRINC_STATEID
          | SessionConst4.EXCHGID4_FLAG_MASK_PNFS
          | SessionConst4.EXCHGID4_FLAG_UPD_CONFIRMED_REC_A;

  private static final int OID_BYTES_MAX = 256;
  private static final int ALGORITHMS_MAX = 64;

  /** The result without its strings: client ID, sequence, flags, protection, minor ID, ... */
  private static final int FIXED_BYTES = 8 + 4 + 4 + 4 + 8 + 4 + NfsTime4.BYTES;

  private final ClientTable clients;
  private final ServerIdentity identity;
  private final int resultBytes;

  OpExchangeId(ClientTable clients, ServerIdentity identity) {
    this.clients = clients;
    this.identity = identity;
    this.resultBytes =
        FIXED_BYTES
            + utf8Bytes(identity.majorId())
            + utf8Bytes(identity.scope())
            + utf8Bytes(identity.implDomain())
            + utf8Bytes(identity.implName());
  }

  @Override
  public int opcode() {
    return NfsOp4.OP_EXCHANGE_ID;
  }

  @Override
  public Cost cost() {
    return Cost.MEMORY;
  }

  @Override
  public Position position() {
    return Position.IN_SESSION_OR_ALONE;
  }

  @Override
  public int replyBytesMax() {
    return resultBytes;
  }

  private static int utf8Bytes(String text) {
    return Xdr.opaqueBytes(text.getBytes(StandardCharsets.UTF_8).length);
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader in = c.args();
    long verifier = in.int64();
    ByteBuffer owner = ByteBuffer.wrap(in.opaque(Nfs4Const.NFS4_OPAQUE_LIMIT)).asReadOnlyBuffer();
    int flags = in.int32();
    int protection = stateProtection(in);
    String impl = implementation(in);
    if ((flags & ~FLAGS) != 0) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    if (protection != NfsStat4.NFS4_OK) {
      return protection;
    }
    boolean update = (flags & SessionConst4.EXCHGID4_FLAG_UPD_CONFIRMED_REC_A) != 0;
    ClientTable.Exchanged result =
        clients.exchangeId(
            owner,
            verifier,
            c.principal(),
            update,
            impl,
            Connections.hostOf(c.connection()),
            roleFor(flags));
    if (result.status() == NfsStat4.NFS4_OK) {
      encode(c.reply(), result);
    }
    return result.status();
  }

  /**
   * We are the metadata server of whoever does not say that it wants the other kind and nothing
   * else (section 13.1).
   */
  private static int roleFor(int flags) {
    return (flags & SessionConst4.EXCHGID4_FLAG_MASK_PNFS)
            == SessionConst4.EXCHGID4_FLAG_USE_NON_PNFS
        ? SessionConst4.EXCHGID4_FLAG_USE_NON_PNFS
        : SessionConst4.EXCHGID4_FLAG_USE_PNFS_MDS;
  }

  /** Reads state_protect4_a; anything but SP4_NONE would have to come with RPCSEC_GSS. */
  private static int stateProtection(XdrReader in) {
    int how = in.enumeration(SessionConst4.SP4_NONE, SessionConst4.SP4_SSV);
    if (how == SessionConst4.SP4_NONE) {
      return NfsStat4.NFS4_OK;
    }
    Bitmap4.skip(in);
    Bitmap4.skip(in);
    if (how == SessionConst4.SP4_MACH_CRED) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    int hashAlgorithms = skipOids(in);
    int encryptionAlgorithms = skipOids(in);
    long window = in.uint32();
    in.int32();
    return hashAlgorithms == 0 || encryptionAlgorithms == 0 || window == 0
        ? NfsStat4.NFS4ERR_INVAL
        : NfsStat4.NFS4ERR_ENCR_ALG_UNSUPP;
  }

  private static int skipOids(XdrReader in) {
    int count = in.count(ALGORITHMS_MAX, Integer.BYTES);
    for (int i = 0; i < count; i++) {
      in.skipVariableOpaque(OID_BYTES_MAX);
    }
    return count;
  }

  /** Reads eia_client_impl_id; only the name is of use, for people. */
  private static String implementation(XdrReader in) {
    if (in.count(1, NfsTime4.BYTES) == 0) {
      return null;
    }
    in.skipVariableOpaque(Nfs4Const.NFS4_OPAQUE_LIMIT);
    String name;
    try {
      name = in.utf8(Nfs4Const.NFS4_OPAQUE_LIMIT);
    } catch (XdrException e) {
      if (e.kind() != Kind.BAD_UTF8) {
        throw e;
      }
      name = "(name is not UTF-8)";
      // The reader stands behind the length word; the bytes are still to be read past.
      in.position(in.position() - Integer.BYTES);
      in.skipVariableOpaque(Nfs4Const.NFS4_OPAQUE_LIMIT);
    }
    in.skip(NfsTime4.BYTES);
    return name;
  }

  private void encode(XdrWriter out, ClientTable.Exchanged result) {
    out.int64(result.clientId());
    out.int32(result.sequenceId());
    out.int32(result.role() | (result.confirmed() ? SessionConst4.EXCHGID4_FLAG_CONFIRMED_R : 0));
    out.int32(SessionConst4.SP4_NONE);
    out.int64(0);
    out.utf8(identity.majorId());
    out.utf8(identity.scope());
    out.int32(1);
    out.utf8(identity.implDomain());
    out.utf8(identity.implName());
    identity.implDate().encode(out);
  }
}
