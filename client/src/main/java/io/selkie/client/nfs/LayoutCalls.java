package io.selkie.client.nfs;

import io.selkie.client.FileHandle;
import io.selkie.client.ServerProtocolException;
import io.selkie.client.session.Compound;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.Nfs41Session;
import io.selkie.client.session.Reply;
import io.selkie.client.session.StateListener;
import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaLayout4;
import io.selkie.protocol.layout.rdma.RdmaLayoutUpdate4;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** The pNFS operations for the RDMA layout type. Safe for use by several threads. */
public final class LayoutCalls {
  private static final int LAYOUTS_MAX = 1024;
  private static final int LAYOUT_BYTES_MIN = 28;
  private static final int DEVICE_BYTES_MAX = 4096;
  private static final int BODY_BYTES_MAX = 256 * 1024;
  private static final int REPLY_OVERHEAD_BYTES = 1024;

  private final Nfs41Session session;

  /** Calls through this session. */
  public LayoutCalls(Nfs41Session session) {
    this.session = session;
  }

  /** LAYOUTGET's answer. */
  public sealed interface GetResult {}

  /**
   * A layout.
   *
   * @param stateid the layout stateid
   * @param parts in the order of the reply
   * @param sizeBytes the file's size when the layout was granted, or -1
   */
  public record Granted(Stateid4 stateid, boolean returnOnClose, List<Part> parts, long sizeBytes)
      implements GetResult {}

  /** One layout4 with its extents as they came, unchecked. */
  public record Part(long offset, long length, int ioMode, List<RdmaExtent4> extents) {}

  /** Refused, with LAYOUTGET's status. */
  public record Refused(int status) implements GetResult {}

  /**
   * LAYOUTGET, RFC 8881 section 18.43, followed by GETATTR of the size.
   *
   * @param length bytes wanted, all ones for "to the end"
   */
  public GetResult layoutGet(
      FileHandle file,
      String path,
      Stateid4 stateid,
      int ioMode,
      long offset,
      long length,
      long minLength,
      Deadline deadline)
      throws IOException {
    try (Compound call = session.compound("LAYOUTGET of " + path).putFh(file).keepReply()) {
      XdrWriter out = call.op(NfsOp4.OP_LAYOUTGET);
      out.bool(false);
      out.int32(LayoutConst4.LAYOUT4_RDMA);
      out.int32(ioMode);
      out.int64(offset);
      out.int64(length);
      out.int64(minLength);
      Stateids.encode(out, stateid);
      out.int32(Math.min(BODY_BYTES_MAX, session.responseBytesMax() - REPLY_OVERHEAD_BYTES));
      call.getAttr(Bitmap4.of(FileAttributes.FATTR4_SIZE));
      return session.call(call, deadline, LayoutCalls::decodeGet);
    }
  }

  private static GetResult decodeGet(Reply reply) throws IOException {
    reply.ok(NfsOp4.OP_PUTFH);
    int status = reply.next(NfsOp4.OP_LAYOUTGET);
    if (status != NfsStat4.NFS4_OK) {
      return new Refused(status);
    }
    XdrReader in = reply.in();
    boolean returnOnClose = in.bool();
    Stateid4 stateid = Stateids.decode(in);
    int count = in.count(LAYOUTS_MAX, LAYOUT_BYTES_MIN);
    List<Part> parts = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long offset = in.int64();
      long length = in.int64();
      int ioMode = in.int32();
      int type = in.int32();
      int bytes = in.opaqueLength(in.remaining());
      int start = in.position();
      int end = in.beginNested(bytes);
      if (type != LayoutConst4.LAYOUT4_RDMA) {
        throw new ServerProtocolException("LAYOUTGET: layout of type " + type + " granted");
      }
      parts.add(new Part(offset, length, ioMode, RdmaLayout4.decode(in).extents()));
      in.endNested(end);
      in.position(start);
      in.skipOpaque(bytes);
    }
    return new Granted(stateid, returnOnClose, parts, decodeSize(reply));
  }

  /** The size is a convenience: a GETATTR that fails takes nothing from the layout. */
  private static long decodeSize(Reply reply) throws IOException {
    if (reply.next(NfsOp4.OP_GETATTR) != NfsStat4.NFS4_OK) {
      return -1;
    }
    XdrReader in = reply.in();
    boolean sent = new Bitmap4().decode(in).isSet(FileAttributes.FATTR4_SIZE);
    in.int32();
    return sent ? in.int64() : -1;
  }

  /**
   * LAYOUTCOMMIT, RFC 8881 section 18.42, of bytes that were READ_WRITE_DATA.
   *
   * @param modified when the last write was
   * @return an NFS status
   */
  public int layoutCommit(
      FileHandle file,
      String path,
      Stateid4 stateid,
      long offset,
      long length,
      Instant modified,
      Deadline deadline)
      throws IOException {
    try (Compound call = session.compound("LAYOUTCOMMIT of " + path).putFh(file).keepReply()) {
      encodeCommit(call, false, stateid, offset, length, modified);
      return session.callUrgent(
          call,
          deadline,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            return reply.next(NfsOp4.OP_LAYOUTCOMMIT);
          });
    }
  }

  /**
   * The same of bytes that were written before a restart of the server, in its grace period.
   *
   * @param calls of the session that is being recovered
   * @param lost the stateid that the layout had
   * @return an NFS status
   */
  public int reclaimCommit(
      StateListener.RecoveryCalls calls,
      FileHandle file,
      String path,
      Stateid4 lost,
      long offset,
      long length,
      Instant modified)
      throws IOException {
    try (Compound call =
        session.compound("LAYOUTCOMMIT again of " + path).putFh(file).keepReply()) {
      encodeCommit(call, true, lost, offset, length, modified);
      return calls.call(
          call,
          reply -> {
            int status = reply.next(NfsOp4.OP_PUTFH);
            return status == NfsStat4.NFS4_OK ? reply.next(NfsOp4.OP_LAYOUTCOMMIT) : status;
          });
    }
  }

  private static void encodeCommit(
      Compound call,
      boolean reclaim,
      Stateid4 stateid,
      long offset,
      long length,
      Instant modified) {
    XdrWriter out = call.op(NfsOp4.OP_LAYOUTCOMMIT);
    out.int64(offset);
    out.int64(length);
    out.bool(reclaim);
    Stateids.encode(out, stateid);
    out.bool(true);
    out.int64(offset + length - 1);
    out.bool(true);
    NfsTime4.encode(out, modified.getEpochSecond(), modified.getNano());
    out.int32(LayoutConst4.LAYOUT4_RDMA);
    int body = out.beginOpaque();
    RdmaLayoutUpdate4.EMPTY.encode(out);
    out.endOpaque(body);
  }

  /**
   * What LAYOUTRETURN answered.
   *
   * @param stateid the layout stateid if something is left, otherwise null
   */
  public record Returned(int status, Stateid4 stateid) {}

  /** LAYOUTRETURN4_FILE, RFC 8881 section 18.44. */
  public Returned layoutReturn(
      FileHandle file,
      String path,
      Stateid4 stateid,
      int ioMode,
      long offset,
      long length,
      Deadline deadline)
      throws IOException {
    try (Compound call = session.compound("LAYOUTRETURN of " + path).putFh(file).keepReply()) {
      XdrWriter out = startReturn(call, ioMode, LayoutConst4.LAYOUTRETURN4_FILE);
      out.int64(offset);
      out.int64(length);
      Stateids.encode(out, stateid);
      out.int32(0);
      return session.callUrgent(
          call,
          deadline,
          reply -> {
            int status = reply.next(NfsOp4.OP_PUTFH);
            if (status == NfsStat4.NFS4_OK) {
              status = reply.next(NfsOp4.OP_LAYOUTRETURN);
            }
            return new Returned(status, decodeReturned(status, reply.in()));
          });
    }
  }

  /**
   * LAYOUTRETURN4_FSID or LAYOUTRETURN4_ALL, which end a recall of that kind.
   *
   * @param file any file of the file system, for FSID; otherwise null
   * @return an NFS status
   */
  public int layoutReturnBulk(FileHandle file, int kind, int ioMode, Deadline deadline)
      throws IOException {
    try (Compound call = session.compound("LAYOUTRETURN of all")) {
      if (file != null) {
        call.putFh(file);
      }
      call.keepReply();
      startReturn(call, ioMode, kind);
      return session.callUrgent(
          call,
          deadline,
          reply -> {
            int status = file == null ? NfsStat4.NFS4_OK : reply.next(NfsOp4.OP_PUTFH);
            return status == NfsStat4.NFS4_OK ? reply.next(NfsOp4.OP_LAYOUTRETURN) : status;
          });
    }
  }

  private static XdrWriter startReturn(Compound call, int ioMode, int kind) {
    XdrWriter out = call.op(NfsOp4.OP_LAYOUTRETURN);
    out.bool(false);
    out.int32(LayoutConst4.LAYOUT4_RDMA);
    out.int32(ioMode);
    out.int32(kind);
    return out;
  }

  private static Stateid4 decodeReturned(int status, XdrReader in) {
    return status == NfsStat4.NFS4_OK && in.bool() ? Stateids.decode(in) : null;
  }

  /** GETDEVICEINFO, RFC 8881 section 18.40: where the device is. */
  public RdmaDeviceAddr4 deviceAddress(DeviceId4 device, Deadline deadline) throws IOException {
    try (Compound call = session.compound("GETDEVICEINFO of " + device)) {
      XdrWriter out = call.op(NfsOp4.OP_GETDEVICEINFO);
      device.encode(out);
      out.int32(LayoutConst4.LAYOUT4_RDMA);
      out.int32(DEVICE_BYTES_MAX);
      new Bitmap4().encode(out);
      return session.call(
          call,
          deadline,
          reply -> {
            XdrReader in = reply.ok(NfsOp4.OP_GETDEVICEINFO).in();
            int type = in.int32();
            if (type != LayoutConst4.LAYOUT4_RDMA) {
              throw new ServerProtocolException("GETDEVICEINFO: device of type " + type);
            }
            int end = in.beginNested(in.opaqueLength(DEVICE_BYTES_MAX));
            RdmaDeviceAddr4 address = RdmaDeviceAddr4.decode(in);
            in.endNested(end);
            return address;
          });
    }
  }

  /** TEST_STATEID of one stateid, RFC 8881 section 18.48; an NFS status. */
  public int testStateid(Stateid4 stateid, Deadline deadline) throws IOException {
    try (Compound call = session.compound("TEST_STATEID")) {
      XdrWriter out = call.op(NfsOp4.OP_TEST_STATEID);
      out.int32(1);
      Stateids.encode(out, stateid);
      return session.callUrgent(
          call,
          deadline,
          reply -> {
            XdrReader in = reply.ok(NfsOp4.OP_TEST_STATEID).in();
            if (in.count(1, Integer.BYTES) != 1) {
              throw new ServerProtocolException("TEST_STATEID: another number of answers");
            }
            return in.int32();
          });
    }
  }

  /** FREE_STATEID, RFC 8881 section 18.38; an NFS status. */
  public int freeStateid(Stateid4 stateid, Deadline deadline) throws IOException {
    try (Compound call = session.compound("FREE_STATEID").keepReply()) {
      Stateids.encode(call.op(NfsOp4.OP_FREE_STATEID), stateid);
      return session.callUrgent(call, deadline, reply -> reply.next(NfsOp4.OP_FREE_STATEID));
    }
  }

  /** Whether a status says that a stateid is void: revoked, expired or forgotten. */
  public static boolean isStateGone(int status) {
    return switch (status) {
      case NfsStat4.NFS4ERR_BAD_STATEID,
          NfsStat4.NFS4ERR_STALE_STATEID,
          NfsStat4.NFS4ERR_EXPIRED,
          NfsStat4.NFS4ERR_ADMIN_REVOKED,
          NfsStat4.NFS4ERR_DELEG_REVOKED,
          NfsStat4.NFS4ERR_NOMATCHING_LAYOUT ->
          true;
      default -> false;
    };
  }

  /** All ones: to the end of the file. */
  public static final long TO_THE_END = Nfs4Const.NFS4_UINT64_MAX;
}
