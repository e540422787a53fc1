/**
 * The RDMA layout type: a handle is a memory registration of exactly the bytes granted, in the
 * protection domain of one client. It knows nothing of recall, conflicts or stateids.
 */
package io.selkie.layout.rdma;
