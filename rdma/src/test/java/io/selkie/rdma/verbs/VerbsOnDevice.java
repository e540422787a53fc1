package io.selkie.rdma.verbs;

import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RdmaProviderContract;
import java.net.InetAddress;
import org.junit.jupiter.api.Timeout;

/**
 * The contract on the RDMA device of the address in system property {@code selkie.verbs.address}.
 * Not a test by its name: it needs a device, which few machines have. {@link RunOnDevice} runs it
 * in a virtual machine with soft RoCE, which is slow: hence the bound.
 */
@Timeout(600)
class VerbsOnDevice extends RdmaProviderContract {

  @Override
  protected RdmaProvider provider() throws Exception {
    return VerbsProvider.open(VerbsConfig.DEFAULTS.withAddress(address()));
  }

  @Override
  protected InetAddress address() throws Exception {
    return InetAddress.getByName(System.getProperty("selkie.verbs.address"));
  }
}
