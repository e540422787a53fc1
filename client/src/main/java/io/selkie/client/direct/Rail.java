package io.selkie.client.direct;

import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaProvider;

/**
 * One provider as a client uses it.
 *
 * @param provider who does the access
 * @param domain of all queue pairs by it
 * @param memory what work requests may name
 */
public record Rail(RdmaProvider provider, ProtectionDomain domain, LocalMemory memory) {

  /** Makes a domain and its memory; the provider stays the caller's. */
  static Rail of(RdmaProvider provider, String owner) throws RdmaException {
    ProtectionDomain domain = provider.allocateProtectionDomain(owner);
    boolean done = false;
    try {
      LocalMemory memory = new LocalMemory(domain, provider.capabilities());
      done = true;
      return new Rail(provider, domain, memory);
    } finally {
      if (!done) {
        domain.close();
      }
    }
  }

  void close(boolean withProvider) {
    domain.close();
    if (withProvider) {
      // Ends when the device has let go of all memory.
      provider.close();
    }
    memory.close();
  }
}
