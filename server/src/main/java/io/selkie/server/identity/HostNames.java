package io.selkie.server.identity;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Names of hosts by the resolver of this machine. Blocks; stateless. */
public final class HostNames implements ExportAccess.Hosts {

  private static final Logger LOG = LoggerFactory.getLogger(HostNames.class);

  /** Makes one. */
  public HostNames() {}

  @Override
  public List<InetAddress> addressesOf(String name) {
    try {
      return List.of(InetAddress.getAllByName(name));
    } catch (UnknownHostException e) {
      LOG.warn(
          "the rules of an export name host {}, which nobody knows ({}): no client is taken for it"
              + " until the exports are loaded again",
          name,
          e.getMessage());
      return List.of();
    }
  }
}
