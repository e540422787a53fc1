package io.selkie.server;

import io.selkie.config.RdmaConfig;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.verbs.VerbsConfig;
import io.selkie.rdma.verbs.VerbsProvider;
import io.selkie.server.RdmaParts.RdmaDevice;
import java.net.InetAddress;
import java.util.Optional;

/** Opens the RDMA device that an address belongs to. Stateless. */
final class VerbsOpener {

  /** Both ends of the self-test's connection. */
  private static final int QUEUE_PAIRS_OF_SELF_TEST = 2;

  private static final int READS_MAX = 255;
  private static final int QUEUE_PAIRS_MAX = 1 << 20;

  private VerbsOpener() {}

  static RdmaDevice open(RdmaConfig config, Optional<InetAddress> address) throws RdmaException {
    VerbsConfig rest = VerbsConfig.DEFAULTS;
    VerbsProvider provider =
        VerbsProvider.open(
            new VerbsConfig(
                address,
                Math.min(QUEUE_PAIRS_MAX, config.maxQueuePairs() + QUEUE_PAIRS_OF_SELF_TEST),
                rest.maxMessageBytes(),
                rest.receiveBuffers(),
                Math.min(READS_MAX, config.maxReadsPerQueuePair()),
                rest.lingerMillis(),
                rest.releaseThreads()));
    return new RdmaDevice(
        provider, provider.deviceName(), provider.address(), provider.speaksIwarp());
  }
}
