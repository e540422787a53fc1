package io.selkie.server;

import io.selkie.layout.rdma.RdmaDevices;
import io.selkie.layout.rdma.RdmaRouting;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.server.direct.QueuePairGate;
import io.selkie.server.direct.RegistrationMatrix;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;

/**
 * One-sided access as it was set up.
 *
 * @param listeners where queue pairs come in; one or two
 * @param software the provider that counts what it does; empty when an RDMA device does it alone
 * @param routing which of them reaches what
 * @param regionBytesMax longest registration that all of them do
 * @param devices what clients are told
 * @param gate who is let in
 * @param matrix what the RDMA device was proven to reach; empty when there is none
 */
record RdmaService(
    List<Listening> listeners,
    Optional<IwarpProvider> software,
    RdmaRouting routing,
    long regionBytesMax,
    RdmaDevices devices,
    QueuePairGate gate,
    Optional<RegistrationMatrix> matrix) {

  /**
   * A provider that listens.
   *
   * @param route what layouts by it name
   * @param address where
   * @param note for people: which device it is, or why there is no other
   */
  record Listening(RdmaRouting.Route route, InetSocketAddress address, String note) {}

  /** Where the first of them listens. */
  InetSocketAddress address() {
    return listeners.getFirst().address();
  }
}
