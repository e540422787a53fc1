package io.selkie.server;

import io.selkie.layout.rdma.RdmaDevices;
import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.server.direct.QueuePairGate;
import java.net.InetSocketAddress;

/**
 * One-sided access as it was set up.
 *
 * @param provider who does it
 * @param domains protection domains of the clients
 * @param devices what clients are told
 * @param gate where queue pairs come in
 * @param address where it listens
 */
record RdmaService(
    IwarpProvider provider,
    RdmaDomains domains,
    RdmaDevices devices,
    QueuePairGate gate,
    InetSocketAddress address) {}
