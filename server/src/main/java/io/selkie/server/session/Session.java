package io.selkie.server.session;

import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.server.rpc.RpcConnection;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ObjIntConsumer;

/**
 * A session: its fore channel with the reply cache, its back channel, and the connections that
 * belong to them (RFC 8881 section 2.10). Safe for use by several threads.
 */
final class Session {

  /** What a session takes besides its slots, counted as part of the reply caches. */
  static final long OVERHEAD_BYTES = 1024;

  /** What a slot takes besides the reply that it keeps. */
  static final long SLOT_OVERHEAD_BYTES = 256;

  private static final int PEERS_MAX = 64;

  /** A connection's part in a session. */
  private static final class Binding {
    final RpcConnection connection;
    int directions;
    final boolean implicit;

    Binding(RpcConnection connection, int directions, boolean implicit) {
      this.connection = connection;
      this.directions = directions;
      this.implicit = implicit;
    }
  }

  private final SessionId4 id;
  private final ClientRecord client;
  private final ChannelAttrs4 fore;
  private final SlotTable slots;
  private final BackChannel backChannel;
  private final int connectionsMax;

  /** Replaced, never changed, so that SEQUENCE looks without a lock. */
  private volatile Binding[] bindings = {};

  /** The hosts the client chose to use the session from; replaced, never changed. */
  private volatile Set<Object> knownPeers = Set.of();

  private volatile boolean gone;

  Session(
      SessionId4 id,
      ClientRecord client,
      ChannelAttrs4 fore,
      BackChannel backChannel,
      int connectionsMax,
      int slotsMax,
      SlotBudget budget) {
    this.id = id;
    this.client = client;
    this.fore = fore;
    this.backChannel = backChannel;
    this.connectionsMax = connectionsMax;
    this.slots =
        new SlotTable(
            this,
            Math.toIntExact(fore.maxRequests()),
            slotsMax,
            bytesPerSlot(fore.maxResponseSizeCached()),
            budget);
  }

  SessionId4 id() {
    return id;
  }

  ClientRecord client() {
    return client;
  }

  ChannelAttrs4 fore() {
    return fore;
  }

  BackChannel backChannel() {
    return backChannel;
  }

  SlotTable slots() {
    return slots;
  }

  /**
   * What each slot promises to hold, in bytes; one that keeps no reply costs something all the
   * same.
   *
   * @param cachedBytes how much of a reply it keeps
   */
  static long bytesPerSlot(long cachedBytes) {
    return cachedBytes + SLOT_OVERHEAD_BYTES;
  }

  /** The slot, or null if the session has none of that number. */
  Slot slot(int slotId) {
    return slots.get(slotId);
  }

  void requestEnded() {
    client.requestEnded();
  }

  boolean isGone() {
    return gone;
  }

  /** Whether the connection is associated with the session, in whichever direction. */
  boolean isBound(RpcConnection connection) {
    return directionsOf(connection) != 0;
  }

  /** The CDFS4_* bits of the connection; 0 if it is not associated. */
  int directionsOf(RpcConnection connection) {
    for (Binding binding : bindings) {
      if (binding.connection.id() == connection.id()) {
        return binding.directions;
      }
    }
    return 0;
  }

  /**
   * Whether the client has chosen to use the session from the host at the other end of this
   * connection, by CREATE_SESSION or BIND_CONN_TO_SESSION, now or earlier.
   */
  boolean isKnownPeer(RpcConnection connection) {
    return knownPeers.contains(Connections.hostOf(connection));
  }

  /**
   * Associates a connection that has none of the session's channels yet.
   *
   * @param implicit whether only by being used, so that the client has not chosen the channels
   * @return false if the session has as many connections as it may
   */
  synchronized boolean bind(RpcConnection connection, int directions, boolean implicit) {
    if (gone || bindings.length >= connectionsMax) {
      return false;
    }
    List<Binding> list = new ArrayList<>(List.of(bindings));
    list.add(new Binding(connection, directions, implicit));
    bindings = list.toArray(new Binding[0]);
    if (!implicit && knownPeers.size() < PEERS_MAX) {
      Set<Object> peers = new HashSet<>(knownPeers);
      peers.add(Connections.hostOf(connection));
      knownPeers = Set.copyOf(peers);
    }
    if ((directions & SessionConst4.CDFS4_BACK) != 0) {
      backChannel.connectionAdded(connection);
    }
    return true;
  }

  /**
   * BIND_CONN_TO_SESSION, RFC 8881 section 18.34.3.
   *
   * @param wanted CDFC4_*
   * @return CDFS4_* if it is done, or the negated nfsstat4 if not
   */
  synchronized int bindExplicitly(RpcConnection connection, int wanted) {
    for (Binding binding : bindings) {
      if (binding.connection.id() == connection.id()) {
        return rebind(binding, wanted);
      }
    }
    int directions =
        switch (wanted) {
          case SessionConst4.CDFC4_FORE -> SessionConst4.CDFS4_FORE;
          case SessionConst4.CDFC4_BACK -> SessionConst4.CDFS4_BACK;
          default -> SessionConst4.CDFS4_BOTH;
        };
    return bind(connection, directions, false) ? directions : -NfsStat4.NFS4ERR_DELAY;
  }

  /**
   * The client may not change what it has chosen. But who was associated just by sending SEQUENCE
   * has chosen nothing, and gets the back channel it asks for.
   */
  private int rebind(Binding binding, int wanted) {
    boolean fits =
        switch (wanted) {
          case SessionConst4.CDFC4_FORE -> binding.directions == SessionConst4.CDFS4_FORE;
          case SessionConst4.CDFC4_BACK -> binding.directions == SessionConst4.CDFS4_BACK;
          case SessionConst4.CDFC4_FORE_OR_BOTH ->
              (binding.directions & SessionConst4.CDFS4_FORE) != 0;
          default -> (binding.directions & SessionConst4.CDFS4_BACK) != 0;
        };
    boolean wantsBack = wanted != SessionConst4.CDFC4_FORE;
    if (binding.implicit && wantsBack && (binding.directions & SessionConst4.CDFS4_BACK) == 0) {
      binding.directions = SessionConst4.CDFS4_BOTH;
      backChannel.connectionAdded(binding.connection);
      return wanted == SessionConst4.CDFC4_BACK
          ? SessionConst4.CDFS4_BACK
          : SessionConst4.CDFS4_BOTH;
    }
    return fits ? binding.directions : -NfsStat4.NFS4ERR_INVAL;
  }

  /** The connection is closed. */
  synchronized void unbind(RpcConnection connection) {
    List<Binding> list = new ArrayList<>(List.of(bindings));
    list.removeIf(binding -> binding.connection.id() == connection.id());
    bindings = list.toArray(new Binding[0]);
    backChannel.connectionRemoved(connection);
  }

  /** The connections and their CDFS4_* bits; no lock. */
  void eachConnection(ObjIntConsumer<RpcConnection> consumer) {
    for (Binding binding : bindings) {
      consumer.accept(binding.connection, binding.directions);
    }
  }

  /** The session is destroyed: it takes no request any more, and its callbacks end as lost. */
  void destroy() {
    synchronized (this) {
      gone = true;
      bindings = new Binding[0];
    }
    slots.close();
    backChannel.close();
  }
}
