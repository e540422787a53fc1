package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * channel_attrs4 (RFC 8881 section 18.36): the limits of one channel of a session. All are unsigned
 * 32-bit numbers on the wire, held in longs; sizes are in bytes and count the RPC header, not the
 * record mark. ca_rdma_ird is read past and never offered.
 */
public record ChannelAttrs4(
    long headerPadSize,
    long maxRequestSize,
    long maxResponseSize,
    long maxResponseSizeCached,
    long maxOperations,
    long maxRequests) {

  /** The encoded size without ca_rdma_ird. */
  public static final int BYTES = 28;

  /** Reads them. */
  public static ChannelAttrs4 decode(XdrReader in) {
    long headerPadSize = in.uint32();
    long maxRequestSize = in.uint32();
    long maxResponseSize = in.uint32();
    long maxResponseSizeCached = in.uint32();
    long maxOperations = in.uint32();
    long maxRequests = in.uint32();
    int irds = in.count(1, Integer.BYTES);
    in.skip(irds * Integer.BYTES);
    return new ChannelAttrs4(
        headerPadSize,
        maxRequestSize,
        maxResponseSize,
        maxResponseSizeCached,
        maxOperations,
        maxRequests);
  }

  /** Writes them. */
  public void encode(XdrWriter out) {
    out.uint32(headerPadSize);
    out.uint32(maxRequestSize);
    out.uint32(maxResponseSize);
    out.uint32(maxResponseSizeCached);
    out.uint32(maxOperations);
    out.uint32(maxRequests);
    out.int32(0);
  }
}
