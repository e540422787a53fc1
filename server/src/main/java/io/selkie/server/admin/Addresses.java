package io.selkie.server.admin;

import java.net.InetSocketAddress;

/** Addresses as people write them. */
public final class Addresses {

  private Addresses() {}

  /** {@code host:port}, with brackets around an IPv6 address. */
  public static String text(InetSocketAddress address) {
    String host =
        address.getAddress() == null
            ? address.getHostString()
            : address.getAddress().getHostAddress();
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + address.getPort();
  }
}
