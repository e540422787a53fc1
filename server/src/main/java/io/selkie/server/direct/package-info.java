/**
 * Where queue pairs come in: each is bound to the NFS client whose session it names, and goes with
 * that session. {@link io.selkie.protocol.layout.rdma.BindingData} is the private data of the
 * set-up, {@link io.selkie.server.direct.QueuePairGate} decides.
 */
package io.selkie.server.direct;
