package io.selkie.config;

import java.util.Optional;

/**
 * Where to listen or connect, as a person writes it: {@code host:port}, {@code [::1]:port}.
 *
 * @param host name or address, not resolved; an IPv6 address without its brackets
 * @param port 0 to 65535; 0 lets the system choose
 */
public record HostPort(String host, int port) {

  /** Checks the bounds. */
  public HostPort {
    if (host.isBlank() || port < 0 || port > 65535) {
      throw new IllegalArgumentException("not a host and port: " + host + " " + port);
    }
  }

  /** Reads {@code host:port}; empty when the text is not that. */
  public static Optional<HostPort> parse(String text) {
    int colon = text.lastIndexOf(':');
    if (colon <= 0) {
      return Optional.empty();
    }
    String host = text.substring(0, colon);
    String port = text.substring(colon + 1);
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    } else if (host.indexOf(':') >= 0) {
      return Optional.empty();
    }
    if (!host.matches("[A-Za-z0-9._:%-]+") || !port.matches("\\d{1,5}")) {
      return Optional.empty();
    }
    int number = Integer.parseInt(port);
    return number > 65535 ? Optional.empty() : Optional.of(new HostPort(host, number));
  }

  /** As it is written in the file. */
  @Override
  public String toString() {
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
  }
}
