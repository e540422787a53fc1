package io.selkie.layout.rdma;

import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.RdmaProvider;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * One protection domain per NFS client: a handle granted to one client is useless on another
 * client's queue pair. The acceptor of RDMA connections binds queue pairs to these domains.
 *
 * <p>Safe for use by several threads. A domain is made at the first use and goes with {@link
 * #close(long)}; the ids of clients that went are remembered (bounded), so that a request that was
 * under way when its client went does not bring the domain back.
 */
public final class RdmaDomains {

  private static final int GONE_MAX = 4096;

  private final RdmaProvider provider;
  private final Map<Long, ProtectionDomain> domains = new LinkedHashMap<>();
  private final Map<Long, Boolean> gone =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, Boolean> eldest) {
          return size() > GONE_MAX;
        }
      };

  /** Domains of one provider. */
  public RdmaDomains(RdmaProvider provider) {
    this.provider = provider;
  }

  /** The client's domain; empty when the client is gone. */
  public Optional<ProtectionDomain> domainFor(long clientId) {
    synchronized (domains) {
      if (gone.containsKey(clientId)) {
        return Optional.empty();
      }
      return Optional.of(
          domains.computeIfAbsent(
              clientId, id -> provider.allocateProtectionDomain("client " + Long.toHexString(id))));
    }
  }

  /** The client's domain when there is one; makes none. */
  public Optional<ProtectionDomain> existing(long clientId) {
    synchronized (domains) {
      return Optional.ofNullable(domains.get(clientId));
    }
  }

  /** Whether the client is gone, as far as it is remembered. */
  public boolean isGone(long clientId) {
    synchronized (domains) {
      return gone.containsKey(clientId);
    }
  }

  /** How many clients have a domain. */
  public int size() {
    synchronized (domains) {
      return domains.size();
    }
  }

  /**
   * The client is gone for good: breaks its queue pairs and invalidates what is left in its domain.
   * Client ids are not used again within a boot, so neither is the domain. Idempotent.
   */
  public void close(long clientId) {
    ProtectionDomain domain;
    synchronized (domains) {
      gone.put(clientId, true);
      domain = domains.remove(clientId);
    }
    if (domain != null) {
      domain.close();
    }
  }
}
