/**
 * One-sided access in pure Java over TCP, in the words of iWARP: MPA (RFC 5044, RFC 6581), DDP (RFC
 * 5041), RDMAP (RFC 5040).
 *
 * <h2>Parts</h2>
 *
 * <ul>
 *   <li>{@code IwarpConnection} with its halves {@code Inbound} and {@code Outbound} is the
 *       protocol without a socket: octets in, octets out, one explicit state.
 *   <li>{@code NettyQueuePair} (with {@code NettyDriver}) moves the octets of the passive side on
 *       Netty's event loops, native epoll where it can be had.
 *   <li>{@code CallerQueuePair} moves those of the active side on the threads that use it: who
 *       posts writes, who waits reads. There is no thread of ours in between, since a hand-over
 *       costs as much as the round trip.
 *   <li>{@code RegionTable}, {@code IwarpRegion} and {@code IwarpDomain} are the memory side;
 *       {@code SendQueue} and {@code InboundReads} the queues.
 * </ul>
 *
 * <h2>Memory</h2>
 *
 * Nothing but {@code MappedBytes.copy} ever touches registered memory. That copy is guarded: when
 * the file behind a mapping is cut, or its storage is bad, it answers false, and here that is the
 * end of a queue pair. A checksum run on the mapping itself would take the process down, and a
 * concurrent writer would break the CRC. So outgoing payload is copied once into a direct buffer
 * and the CRC is taken there, while it is in the cache; incoming payload is checked in the receive
 * buffer and copied once into the region.
 *
 * <h2>Invalidation (S3)</h2>
 *
 * Each region counts its accesses in flight: the copy of one segment either way, and every outgoing
 * buffer that holds octets of it until the kernel has taken them. Invalidation marks the region
 * dead and is over when the count is zero; see {@code IwarpRegion}.
 *
 * <h2>Choices the RFCs leave to us</h2>
 *
 * <ul>
 *   <li>As the initiator we ask for the enhanced set-up with a ready-to-receive FPDU (an RDMA Write
 *       without payload if the peer takes that), so either side may send first.
 *   <li>We never ask for markers; to a peer that does we send them.
 *   <li>A write to a region without the right is an "invalid STag" of DDP, which has no code for
 *       it.
 *   <li>After an error found in the peer's stream nothing more is placed, reads asked for before it
 *       are still answered, then Terminate goes out and our half of the connection is closed. The
 *       initiator so learns exactly which request failed.
 *   <li>A confirmed write is the write and an RDMA Read without payload behind it, in one flush:
 *       the answer can only come when the write was placed (RFC 5040 section 5.5, rules 12 and 17).
 *       It needs no right to read.
 * </ul>
 */
package io.selkie.rdma.iwarp;
