package io.selkie.server.ops;

import io.selkie.layout.LayoutArbiter.LayoutReturnRequest;
import io.selkie.layout.LayoutArbiter.LayoutReturnResult;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.VfsFile;
import java.nio.ByteBuffer;
import java.util.Optional;

/** LAYOUTRETURN, RFC 8881 section 18.44. */
final class LayoutReturn extends FileOperation {

  /** The RDMA layout's body is empty; what another type may send is bounded. */
  private static final int BODY_BYTES_MAX = 4096;

  LayoutReturn(FileServices services) {
    super(services, NfsOp4.OP_LAYOUTRETURN);
  }

  @Override
  public boolean givesBack() {
    return true;
  }

  /** What goes back in an export or everywhere depends on no file. */
  @Override
  public boolean needsPlaceOnly(ByteBuffer request, int at) {
    int scope = at + 3 * Integer.BYTES;
    return request.limit() - scope >= Integer.BYTES
        && request.getInt(scope) != LayoutConst4.LAYOUTRETURN4_FILE;
  }

  @Override
  public int replyBytesMax() {
    return 4 + Stateids.BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    boolean reclaim = args.bool();
    int type = args.int32();
    int ioMode = args.int32();
    int scope = args.enumeration(LayoutConst4.LAYOUTRETURN4_FILE, LayoutConst4.LAYOUTRETURN4_ALL);
    if (scope == LayoutConst4.LAYOUTRETURN4_FILE) {
      return returnFile(c, reclaim, type, ioMode);
    }
    if (reclaim) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    int status = checkModes(type, ioMode);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    Optional<Long> device = Optional.empty();
    if (scope == LayoutConst4.LAYOUTRETURN4_FSID) {
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      // The directory above the exports has no layouts beneath it: device 0 is nobody's.
      device = Optional.of(file.export().map(Export::device).orElse(0L));
    }
    return c.suspend(
        services.arbiter().layoutReturnBulk(c.clientId(), type, ioMode, device),
        (context, result, failure) -> {
          if (failure != null) {
            return failed(context, failure);
          }
          if (result == NfsStat4.NFS4_OK) {
            context.reply().bool(false);
          }
          return result;
        });
  }

  private int returnFile(CompoundContext c, boolean reclaim, int type, int ioMode) {
    XdrReader args = c.args();
    long offset = args.int64();
    long length = args.int64();
    Stateid4 stateid = c.resolve(Stateids.decode(args));
    ByteBuffer body = ByteBuffer.wrap(args.opaque(BODY_BYTES_MAX));
    if (!(c.currentFile() instanceof VfsFile file)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (reclaim) {
      // One of before a restart: it went with the server's process, nothing is left to return.
      int admitted = services.grace().admitReclaim(c.clientId());
      if (admitted == NfsStat4.NFS4_OK) {
        c.reply().bool(false);
        c.currentStateid(Stateids.ANONYMOUS);
      }
      return admitted;
    }
    int status = checkModes(type, ioMode);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    if (stateid == null || !services.arbiter().isLayoutStateid(stateid)) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    LayoutReturnRequest request =
        new LayoutReturnRequest(
            c.clientId(), file.identity(), stateid, type, ioMode, offset, length, reclaim, body);
    return c.suspend(
        services.arbiter().layoutReturn(request),
        (context, result, failure) ->
            failure == null ? answer(context, result) : failed(context, failure));
  }

  private static int answer(CompoundContext c, LayoutReturnResult result) {
    if (result.status() == NfsStat4.NFS4_OK) {
      Optional<Stateid4> left = result.stateid();
      c.reply().bool(left.isPresent());
      left.ifPresent(stateid -> Stateids.encode(c.reply(), stateid));
      c.currentStateid(left.orElse(Stateids.ANONYMOUS));
    }
    return result.status();
  }

  private int checkModes(int type, int ioMode) {
    if (!services.arbiter().layoutTypes().contains(type)) {
      return NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE;
    }
    return ioMode < LayoutConst4.LAYOUTIOMODE4_READ || ioMode > LayoutConst4.LAYOUTIOMODE4_ANY
        ? NfsStat4.NFS4ERR_INVAL
        : NfsStat4.NFS4_OK;
  }
}
