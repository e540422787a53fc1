package io.selkie.server.ops;

import io.selkie.protocol.xdr.XdrReader;

/** Reads past netloc4 (RFC 7862 section 4.9): no other server is ever asked for anything. */
final class NetLocations {

  private static final int NL4_NAME = 1;
  private static final int NL4_NETADDR = 3;
  private static final int LOCATIONS_MAX = 64;
  private static final int TEXT_BYTES_MAX = 4096;
  private static final int LOCATION_BYTES_MIN = 8;

  private NetLocations() {}

  /** Reads past a list of them; how many there were. */
  static int skipList(XdrReader in) {
    int count = in.count(LOCATIONS_MAX, LOCATION_BYTES_MIN);
    for (int i = 0; i < count; i++) {
      skip(in);
    }
    return count;
  }

  /** Reads past one. */
  static void skip(XdrReader in) {
    int type = in.enumeration(NL4_NAME, NL4_NETADDR);
    in.skipVariableOpaque(TEXT_BYTES_MAX);
    if (type == NL4_NETADDR) {
      // The network id came first, this is the address.
      in.skipVariableOpaque(TEXT_BYTES_MAX);
    }
  }
}
