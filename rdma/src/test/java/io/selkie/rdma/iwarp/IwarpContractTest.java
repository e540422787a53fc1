package io.selkie.rdma.iwarp;

import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RdmaProviderContract;

/** The contract on the native transport. */
class IwarpContractTest extends RdmaProviderContract {
  @Override
  protected RdmaProvider provider() {
    return new IwarpProvider(IwarpConfig.DEFAULTS);
  }
}
