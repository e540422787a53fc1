package io.selkie.server.identity;

import io.selkie.config.ClientRule;
import io.selkie.config.ClientRule.Squash;
import io.selkie.config.HostPattern;
import io.selkie.protocol.rpc.RpcConst;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Who may do what with one export: its rules, the first that fits a client's address counts.
 * Immutable.
 */
public final class ExportAccess {

  private static final int NOBODY = 65_534;

  /**
   * What some clients may.
   *
   * @param readOnly whether changes are refused
   * @param squash who becomes the anonymous user
   * @param anonUid the anonymous user
   * @param anonGid its group
   * @param flavors of RPC credentials that are good, the preferred one first
   */
  public record Grant(
      boolean readOnly, Squash squash, int anonUid, int anonGid, List<Integer> flavors) {

    /** Copies the list. */
    public Grant {
      flavors = List.copyOf(flavors);
    }

    /** Whether a credential of this flavor is good. */
    public boolean allows(int flavor) {
      return flavors.contains(flavor);
    }
  }

  private record Rule(List<HostPattern> hosts, List<InetAddress> resolved, Grant grant) {
    boolean fits(InetAddress client) {
      for (HostPattern host : hosts) {
        boolean fits =
            switch (host) {
              case HostPattern.Anyone _ -> true;
              case HostPattern.Network network -> client != null && network.contains(client);
              case HostPattern.Host _ -> false;
            };
        if (fits) {
          return true;
        }
      }
      return client != null && resolved.contains(client);
    }
  }

  /** Where host names become addresses. */
  @FunctionalInterface
  public interface Hosts {
    /** Addresses of a host; empty when nobody knows it. May block. */
    List<InetAddress> addressesOf(String name);
  }

  private static final List<Integer> ANY_FLAVOR = List.of(RpcConst.AUTH_SYS, RpcConst.AUTH_NONE);

  /** Without rules: the machine itself, whose root is root anyway, and all others. */
  private static final Grant LOCAL = new Grant(false, Squash.NONE, NOBODY, NOBODY, ANY_FLAVOR);

  private static final Grant OTHERS = new Grant(false, Squash.ROOT, NOBODY, NOBODY, ANY_FLAVOR);

  private final List<Rule> rules;

  private ExportAccess(List<Rule> rules) {
    this.rules = rules;
  }

  /**
   * From the configuration; names of hosts are looked up now.
   *
   * @param rules in the order in which they count; none means everybody, squashing root of other
   *     machines
   */
  public static ExportAccess of(List<ClientRule> rules, Hosts names) {
    List<Rule> made = new ArrayList<>();
    for (ClientRule rule : rules) {
      List<HostPattern> hosts = new ArrayList<>();
      List<InetAddress> resolved = new ArrayList<>();
      for (String text : rule.hostList()) {
        HostPattern host = HostPattern.parse(text).orElseThrow();
        hosts.add(host);
        if (host instanceof HostPattern.Host named) {
          resolved.addAll(names.addressesOf(named.name()));
        }
      }
      List<Integer> flavors =
          rule.securityList().stream()
              .map(flavor -> flavor.equals("sys") ? RpcConst.AUTH_SYS : RpcConst.AUTH_NONE)
              .distinct()
              .toList();
      Grant grant =
          new Grant(
              rule.readOnly(), rule.squash(), (int) rule.anonUid(), (int) rule.anonGid(), flavors);
      made.add(new Rule(List.copyOf(hosts), List.copyOf(resolved), grant));
    }
    return new ExportAccess(List.copyOf(made));
  }

  /** What a client may; empty when the export is not for it. */
  public Optional<Grant> of(SocketAddress client) {
    InetAddress address = client instanceof InetSocketAddress inet ? inet.getAddress() : null;
    if (rules.isEmpty()) {
      return Optional.of(address == null || address.isLoopbackAddress() ? LOCAL : OTHERS);
    }
    for (Rule rule : rules) {
      if (rule.fits(address)) {
        return Optional.of(rule.grant);
      }
    }
    return Optional.empty();
  }
}
