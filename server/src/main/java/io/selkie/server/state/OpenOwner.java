package io.selkie.server.state;

import java.util.Arrays;
import java.util.HexFormat;

/** open_owner4 of one client (RFC 8881 section 3.3.10.1): opaque bytes, at most 1024. */
public final class OpenOwner {

  private final long clientId;
  private final byte[] owner;
  private final int hash;

  /** Takes the array over. */
  public OpenOwner(long clientId, byte[] owner) {
    this.clientId = clientId;
    this.owner = owner;
    this.hash = Long.hashCode(clientId) * 31 + Arrays.hashCode(owner);
  }

  /** The client, from its session; what the owner itself says of it does not count. */
  public long clientId() {
    return clientId;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof OpenOwner that
        && clientId == that.clientId
        && Arrays.equals(owner, that.owner);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  @Override
  public String toString() {
    return Long.toHexString(clientId) + "/" + HexFormat.of().formatHex(owner);
  }
}
