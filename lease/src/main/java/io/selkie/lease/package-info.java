/**
 * Block maps, DAX probes, the preparation of ranges, kernel leases and the state machine of the
 * seal: what keeps a file's block map still while somebody remote holds a handle to it.
 *
 * <p>{@link io.selkie.lease.LeaseRuntime} puts it together. A {@link io.selkie.lease.Sealer} makes
 * a {@link io.selkie.lease.Seal}: it prepares the range, takes a kernel lease, maps the file and
 * reads the block map under the lease (S1, S2). From then on two things watch it: the thread {@code
 * selkie-lease}, which waits for the kernel's signals, and the {@link io.selkie.lease.SealAuditor},
 * which reads the map again. Either ends it the same way: the seal is BREAKING, its listener is
 * told once, and whoever holds handles takes them back and releases the seal before the deadline of
 * {@link io.selkie.lease.LeaseDeadlines} (S4). All of it belongs to the process and goes with it
 * (S5).
 */
package io.selkie.lease;
