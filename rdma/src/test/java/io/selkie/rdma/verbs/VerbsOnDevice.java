package io.selkie.rdma.verbs;

import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.RdmaProviderContract;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;

/**
 * The contract on the RDMA device of the address in system property {@code selkie.verbs.address}.
 * Not a test by its name: it needs a device, which few machines have. {@link RunOnDevice} runs it
 * in a virtual machine with soft RoCE.
 */
class VerbsOnDevice extends RdmaProviderContract {

  @Override
  protected RdmaProvider provider() throws Exception {
    return VerbsProvider.open(VerbsConfig.DEFAULTS.withAddress(address()));
  }

  @Override
  protected InetAddress address() throws Exception {
    return InetAddress.getByName(System.getProperty("selkie.verbs.address"));
  }

  @Override
  protected MemorySegment largeMemory(long bytes) {
    // Shared file mappings cannot be registered for writing; see the registration matrix.
    return arena.allocate(bytes, 4096);
  }
}
