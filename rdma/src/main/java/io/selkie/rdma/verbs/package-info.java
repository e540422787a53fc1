/**
 * One-sided access through the kernel's RDMA stack: librdmacm and libibverbs, by way of DiSNI.
 *
 * <p>DiSNI's jar is the Java half; the native half is ours ({@code rdma/src/main/native}), with
 * what DiSNI lacks beside it ({@link io.selkie.rdma.verbs.NativeVerbs}): private data of a
 * connection, regions of any length, the states of a queue pair, Send with a key to take back, what
 * a device can do.
 *
 * <p><b>Threads.</b> One loop for each provider takes the events of connections and what peers send
 * to passive queue pairs. What may wait for the device, the destruction of queue pairs and the
 * deregistration of memory, has threads of its own. One-sided access of a peer is the device's work
 * and has no thread here at all.
 *
 * <p><b>Invariant S3.</b> Deregistration of a region returns when the device has no access to it in
 * flight any more; only then an invalidation is over.
 *
 * <p><b>What differs from {@code iwarp}.</b>
 *
 * <ul>
 *   <li>Keys are the device's, and so are addresses: a peer learns the address of our mapping.
 *   <li>On RoCE and InfiniBand private data is padded with zeros by the protocol, so that it starts
 *       with its length in one octet.
 *   <li>No device lets a peer invalidate a region that user space registered, except software
 *       iWARP. On RoCE and InfiniBand a Send with Invalidate is a Send with the key as immediate
 *       data, and the provider at the other end takes the key back before it hands the message on.
 *   <li>A region that is taken back while a peer is in the middle of an access is dead when that
 *       access is over, not before. {@link io.selkie.rdma.MemoryRegion#abortAccesses} breaks every
 *       queue pair of the domain: the device does not tell which one holds the region.
 * </ul>
 */
package io.selkie.rdma.verbs;
