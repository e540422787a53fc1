package io.selkie.protocol.nfs4;

import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;

/**
 * netaddr4 (RFC 8881 section 3.3.9): where something listens.
 *
 * @param netid "tcp", "tcp6", "rdma", "rdma6", RFC 5665 section 5.2
 * @param uaddr the universal address: {@code h1.h2.h3.h4.p1.p2} for IPv4
 */
public record NetAddr4(String netid, String uaddr) {

  /** The longest network id accepted, in bytes; ours, the RFC sets none. */
  public static final int NETID_MAX = 64;

  /** The longest universal address accepted, in bytes; ours, the RFC sets none. */
  public static final int UADDR_MAX = 256;

  /** Reads one. */
  public static NetAddr4 decode(XdrReader in) {
    String netid = in.utf8(NETID_MAX);
    return new NetAddr4(netid, in.utf8(UADDR_MAX));
  }

  /** Writes it. */
  public void encode(XdrWriter out) {
    out.utf8(netid);
    out.utf8(uaddr);
  }

  /** Returns the address of a host's text form and a port, IPv4 or IPv6, for these netids. */
  public static NetAddr4 of(String netid, String host, int port) {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("port " + port);
    }
    return new NetAddr4(netid, host + "." + (port >>> 8) + "." + (port & 0xFF));
  }

  /**
   * Returns the host part in text form.
   *
   * @throws IllegalArgumentException if this is no universal address
   */
  public String host() {
    return uaddr.substring(0, hostLength());
  }

  /**
   * Returns the port.
   *
   * @throws IllegalArgumentException if this is no universal address
   */
  public int port() {
    String[] bytes = uaddr.substring(hostLength() + 1).split("\\.", -1);
    return portByte(bytes[0]) << 8 | portByte(bytes[1]);
  }

  private int hostLength() {
    int last = uaddr.lastIndexOf('.');
    int second = last > 0 ? uaddr.lastIndexOf('.', last - 1) : -1;
    if (second <= 0) {
      throw new IllegalArgumentException("no universal address (RFC 5665): " + uaddr);
    }
    return second;
  }

  private int portByte(String text) {
    try {
      int value = Integer.parseInt(text);
      if (value >= 0 && value <= 255) {
        return value;
      }
    } catch (NumberFormatException _) {
      // Falls through to the one message below.
    }
    throw new IllegalArgumentException("no universal address (RFC 5665): " + uaddr);
  }
}
