/**
 * Block maps, DAX probes, the preparation of ranges, kernel leases and the state machine of the
 * seal: what keeps a file's block map still while somebody remote holds a handle to it.
 */
package io.selkie.lease;
