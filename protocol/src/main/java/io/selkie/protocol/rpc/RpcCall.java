package io.selkie.protocol.rpc;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * The header of a call (RFC 5531 section 9). Mutable and reused from call to call; not thread-safe.
 *
 * <pre>
 *   +-----+--------+------------+---------+---------+-----------+
 *   | xid | CALL=0 | rpcvers=2  | program | version | procedure |
 *   +-----+--------+------------+---------+---------+-----------+
 *   | cred: flavor, body<400>   | verf: flavor, body<400>       | arguments ...
 *   +---------------------------+-------------------------------+
 * </pre>
 */
public final class RpcCall {

  /** What a server does with a call after its header was read. */
  public enum Verdict {
    /** The header is good and the arguments follow. */
    OK,
    /** MSG_DENIED, RPC_MISMATCH: not RPC version 2. */
    RPC_MISMATCH,
    /** MSG_DENIED, AUTH_ERROR, AUTH_BADCRED: the credential is malformed. */
    BAD_CREDENTIAL,
    /** MSG_DENIED, AUTH_ERROR, AUTH_REJECTEDCRED: the flavor is none that we take. */
    UNKNOWN_FLAVOR,
    /** MSG_DENIED, AUTH_ERROR, AUTH_BADVERF: the verifier is malformed. */
    BAD_VERIFIER
  }

  private final AuthSys authSys = new AuthSys();
  private int xid;
  private int program;
  private int version;
  private int procedure;
  private int flavor;

  /** Creates a header to decode into. */
  public RpcCall() {}

  /** The number that the reply must carry. */
  public int xid() {
    return xid;
  }

  /** The program called. */
  public int program() {
    return program;
  }

  /** The program's version. */
  public int version() {
    return version;
  }

  /** The procedure called. */
  public int procedure() {
    return procedure;
  }

  /** AUTH_NONE or AUTH_SYS. */
  public int flavor() {
    return flavor;
  }

  /** The credential when {@link #flavor} is AUTH_SYS. */
  public AuthSys authSys() {
    return authSys;
  }

  /**
   * Reads what follows xid and message type, which the caller has read to tell calls from replies.
   *
   * @param callXid the xid read before
   * @return whether the arguments follow, or which refusal to send
   * @throws io.selkie.protocol.xdr.XdrException if the message ends before its header does: there
   *     is nothing to answer then
   */
  public Verdict decode(int callXid, XdrReader in) {
    xid = callXid;
    if (in.int32() != RpcConst.RPC_VERSION) {
      return Verdict.RPC_MISMATCH;
    }
    program = in.int32();
    version = in.int32();
    procedure = in.int32();
    flavor = in.int32();
    int length = in.int32();
    if (length < 0 || length > RpcConst.AUTH_BODY_MAX) {
      return Verdict.BAD_CREDENTIAL;
    }
    int verifier = in.position();
    in.skipOpaque(length);
    int afterCredential = in.position();
    in.position(verifier);
    switch (flavor) {
      case RpcConst.AUTH_NONE -> in.skipOpaque(length);
      case RpcConst.AUTH_SYS -> {
        if (!decodeAuthSys(in, length)) {
          return Verdict.BAD_CREDENTIAL;
        }
        in.position(afterCredential);
      }
      default -> {
        return Verdict.UNKNOWN_FLAVOR;
      }
    }
    in.int32();
    int verifierLength = in.int32();
    if (verifierLength < 0 || verifierLength > RpcConst.AUTH_BODY_MAX) {
      return Verdict.BAD_VERIFIER;
    }
    in.skipOpaque(verifierLength);
    return Verdict.OK;
  }

  private boolean decodeAuthSys(XdrReader in, int length) {
    int limit = in.beginNested(length);
    try {
      authSys.decode(in);
      return true;
    } catch (io.selkie.protocol.xdr.XdrException _) {
      return false;
    } finally {
      in.endNested(limit);
    }
  }

  /** Writes a call's header with AUTH_NONE; the arguments follow. */
  public static void encode(XdrWriter out, int xid, int program, int version, int procedure) {
    encodeStart(out, xid, program, version, procedure);
    encodeNoAuth(out);
    encodeNoAuth(out);
  }

  /** Writes a call's header with AUTH_SYS; the arguments follow. */
  public static void encode(
      XdrWriter out,
      int xid,
      int program,
      int version,
      int procedure,
      AuthSys credential,
      int stamp,
      byte[] machineName) {
    encodeStart(out, xid, program, version, procedure);
    out.int32(RpcConst.AUTH_SYS);
    int length = out.beginOpaque();
    credential.encode(out, stamp, machineName);
    out.endOpaque(length);
    encodeNoAuth(out);
  }

  private static void encodeStart(XdrWriter out, int xid, int program, int version, int procedure) {
    out.int32(xid);
    out.int32(RpcConst.CALL);
    out.int32(RpcConst.RPC_VERSION);
    out.int32(program);
    out.int32(version);
    out.int32(procedure);
  }

  private static void encodeNoAuth(XdrWriter out) {
    out.int32(RpcConst.AUTH_NONE);
    out.int32(0);
  }
}
