/**
 * What {@code selkie doctor} says of leases, DAX and block maps: each {@link
 * io.selkie.lease.doctor.Finding} is one plain line with its reason. Where words of the system are
 * not enough, it tries on a file of its own and removes it.
 */
package io.selkie.lease.doctor;
