/**
 * The pNFS RDMA layout on the wire: device addresses, layouts and layout updates, in the XDR of
 * draft-hellwig-nfsv4-rdma-layout-00. What the fields mean here is in docs/PROTOCOL.md.
 */
package io.selkie.protocol.layout.rdma;
