package io.selkie.protocol.layout.rdma;

import io.selkie.protocol.nfs4.NetAddr4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * pnfs_rdma_device_addr4, the da_addr_body of GETDEVICEINFO: where the RDMA listener is, what it
 * speaks, and what may be done with handles by it. What stands in brackets is our profile's and is
 * there only when it says something, so that an iWARP device's address is the draft's, octet by
 * octet; flags are there only behind a transport:
 *
 * <pre>
 *   +----------------------------+----------------------------------+---------------+---------+
 *   | netid<>: "rdma" or "rdma6" | uaddr<>: h.h.h.h.p.p or IPv6.p.p | [transport<>] | [flags] |
 *   +----------------------------+----------------------------------+---------------+---------+
 *     transport: "ib"   flags, bit 0: handles may be flushed (RDMA FLUSH)
 * </pre>
 *
 * @param addr where queue pairs connect
 * @param transport what is spoken there: {@link #IWARP}, {@link #INFINIBAND}, or what a later
 *     server may say
 * @param flush whether handles to be written by this device may be flushed, which makes what was
 *     written through them durable
 */
public record RdmaDeviceAddr4(NetAddr4 addr, String transport, boolean flush) {

  /** The netid of an RDMA listener with an IPv4 address (RFC 5665 section 5.2). */
  public static final String NETID_RDMA = "rdma";

  /** The netid of an RDMA listener with an IPv6 address. */
  public static final String NETID_RDMA6 = "rdma6";

  /** iWARP over TCP, by an adapter or in software. */
  public static final String IWARP = "iwarp";

  /** InfiniBand's transport, RoCE included. */
  public static final String INFINIBAND = "ib";

  private static final int TRANSPORT_BYTES_MAX = 32;
  private static final int FLAG_FLUSH = 1;

  /** Of a listener that speaks iWARP. */
  public RdmaDeviceAddr4(NetAddr4 addr) {
    this(addr, IWARP, false);
  }

  /** Reads one, to the end of what {@code in} is limited to. */
  public static RdmaDeviceAddr4 decode(XdrReader in) {
    NetAddr4 addr = NetAddr4.decode(in);
    String transport = in.remaining() > 0 ? in.utf8(TRANSPORT_BYTES_MAX) : IWARP;
    int flags = in.remaining() >= Integer.BYTES ? in.int32() : 0;
    return new RdmaDeviceAddr4(addr, transport, (flags & FLAG_FLUSH) != 0);
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    addr.encode(out);
    if (flush || !transport.equals(IWARP)) {
      out.utf8(transport);
    }
    if (flush) {
      out.int32(FLAG_FLUSH);
    }
  }
}
