package io.selkie.protocol.layout.rdma;

import io.selkie.protocol.nfs4.NetAddr4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * pnfs_rdma_device_addr4, the da_addr_body of GETDEVICEINFO: where the RDMA listener is.
 *
 * <pre>
 *   +--------------------------------+-----------------------------------+
 *   | netid<>: "rdma" or "rdma6"    | uaddr<>: h.h.h.h.p.p or IPv6.p.p |
 *   +--------------------------------+-----------------------------------+
 * </pre>
 */
public record RdmaDeviceAddr4(NetAddr4 addr) {

  /** The netid of an RDMA listener with an IPv4 address (RFC 5665 section 5.2). */
  public static final String NETID_RDMA = "rdma";

  /** The netid of an RDMA listener with an IPv6 address. */
  public static final String NETID_RDMA6 = "rdma6";

  /** Reads one. */
  public static RdmaDeviceAddr4 decode(XdrReader in) {
    return new RdmaDeviceAddr4(NetAddr4.decode(in));
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    addr.encode(out);
  }
}
