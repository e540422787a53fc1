/** The RDMA layout type: handles are memory registrations, one protection domain per client. */
package io.selkie.layout.rdma;
