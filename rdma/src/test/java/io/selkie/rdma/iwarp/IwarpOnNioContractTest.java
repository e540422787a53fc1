package io.selkie.rdma.iwarp;

import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RdmaProviderContract;

/** The contract where epoll cannot be had, without CRC, with small FPDUs and a spinning loop. */
class IwarpOnNioContractTest extends RdmaProviderContract {
  @Override
  protected RdmaProvider provider() {
    return new IwarpProvider(
        IwarpConfig.DEFAULTS
            .withNativeTransport(false)
            .withCrc(false)
            .withEventLoops(2, 20)
            .withLimits(IwarpLimits.DEFAULTS.withMaxFpduPayloadBytes(1400)));
  }
}
