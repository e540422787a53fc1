package io.selkie.config;

import java.net.InetAddress;
import java.util.Optional;

/**
 * Which clients a rule means: everybody, a network, or a host by its name. A single address is a
 * network of all its bits. Parsing asks no name server.
 */
public sealed interface HostPattern {

  /** Everybody ({@code *}). */
  record Anyone() implements HostPattern {}

  /**
   * The addresses whose first bits are these.
   *
   * @param address of the network; bits behind the prefix do not matter
   * @param prefixBits how many count
   */
  record Network(InetAddress address, int prefixBits) implements HostPattern {

    /** Whether an address is in it; one of IPv4 is in none of IPv6. */
    public boolean contains(InetAddress other) {
      byte[] mine = address.getAddress();
      byte[] theirs = other.getAddress();
      if (mine.length != theirs.length) {
        return false;
      }
      for (int bit = 0; bit < prefixBits; bit += Byte.SIZE) {
        int mask = 0xff00 >>> Math.min(Byte.SIZE, prefixBits - bit) & 0xff;
        if (((mine[bit / Byte.SIZE] ^ theirs[bit / Byte.SIZE]) & mask) != 0) {
          return false;
        }
      }
      return true;
    }
  }

  /**
   * A host by its name, which is looked up when the export is made.
   *
   * @param name of one host
   */
  record Host(String name) implements HostPattern {}

  /** Reads one; empty when it is none. */
  static Optional<HostPattern> parse(String text) {
    if (text.equals("*")) {
      return Optional.of(new Anyone());
    }
    int slash = text.indexOf('/');
    String host = slash < 0 ? text : text.substring(0, slash);
    if (host.matches("[0-9.]+") || host.contains(":")) {
      return address(host)
          .flatMap(address -> network(address, slash < 0 ? null : text.substring(slash + 1)));
    }
    boolean name =
        slash < 0
            && host.length() <= 253
            && host.matches("[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?");
    return name ? Optional.of(new Host(host)) : Optional.empty();
  }

  private static Optional<InetAddress> address(String text) {
    if (!text.contains(":") && !text.matches("\\d{1,3}(\\.\\d{1,3}){3}")) {
      return Optional.empty();
    }
    try {
      return Optional.of(InetAddress.ofLiteral(text));
    } catch (IllegalArgumentException _) {
      return Optional.empty();
    }
  }

  private static Optional<HostPattern> network(InetAddress address, String bits) {
    int all = address.getAddress().length * Byte.SIZE;
    if (bits == null) {
      return Optional.of(new Network(address, all));
    }
    if (!bits.matches("\\d{1,3}") || Integer.parseInt(bits) > all) {
      return Optional.empty();
    }
    return Optional.of(new Network(address, Integer.parseInt(bits)));
  }
}
