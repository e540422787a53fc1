/**
 * A real server in a process of its own, real kernel leases, real other processes: bad input, full
 * disks, dying servers, clients that do not answer.
 */
package io.selkie.test.system;
