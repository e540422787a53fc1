/** The pNFS RDMA layout on the wire: device addresses, layouts and layout updates. */
package io.selkie.protocol.layout.rdma;
