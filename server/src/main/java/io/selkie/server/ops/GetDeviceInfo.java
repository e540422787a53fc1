package io.selkie.server.ops;

import io.selkie.layout.LayoutArbiter.DeviceInfoRequest;
import io.selkie.layout.LayoutArbiter.DeviceInfoResult;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import java.net.InetSocketAddress;

/**
 * GETDEVICEINFO, RFC 8881 section 18.40. Devices do not change while the server runs, so no
 * notification of them is ever promised.
 */
final class GetDeviceInfo extends FileOperation {

  GetDeviceInfo(FileServices services) {
    super(services, NfsOp4.OP_GETDEVICEINFO);
  }

  @Override
  public Cost cost() {
    return Cost.MEMORY;
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    DeviceId4 id = DeviceId4.decode(args);
    int type = args.int32();
    long maxCount = args.uint32();
    Bitmap4.skip(args);
    DeviceInfoResult result =
        services.arbiter().deviceInfo(new DeviceInfoRequest(id, type, c.clientId(), arrivedAt(c)));
    if (result.status() != NfsStat4.NFS4_OK) {
      return result.status();
    }
    int bytes = 4 + Xdr.opaqueBytes(result.addressBody().remaining()) + 4;
    if (maxCount != 0 && maxCount < bytes) {
      c.errorBody().int32(bytes);
      return NfsStat4.NFS4ERR_TOOSMALL;
    }
    XdrWriter out = c.reply();
    out.int32(type);
    if (maxCount == 0) {
      // The client only wanted to say something about notifications.
      out.int32(0);
    } else {
      out.opaque(result.addressBody());
    }
    new Bitmap4().encode(out);
    return NfsStat4.NFS4_OK;
  }

  private static String arrivedAt(CompoundContext c) {
    return c.connection().localAddress() instanceof InetSocketAddress local
        ? local.getAddress().getHostAddress()
        : "127.0.0.1";
  }
}
