package io.selkie.server.session;

import io.selkie.server.rpc.RpcConnection;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Which sessions each open connection is associated with. Safe for use by several threads. */
final class Connections {

  private final Map<Long, Set<Session>> sessionsOf = new HashMap<>();

  /** Notes that a connection is associated with a session; its end will be told to the session. */
  void associated(RpcConnection connection, Session session) {
    boolean first;
    synchronized (this) {
      first = !sessionsOf.containsKey(connection.id());
      sessionsOf.computeIfAbsent(connection.id(), id -> new HashSet<>()).add(session);
    }
    if (first) {
      connection.onClose(() -> closed(connection));
      connection.keepWhile(() -> serves(connection.id()));
    }
  }

  private void closed(RpcConnection connection) {
    Set<Session> sessions;
    synchronized (this) {
      sessions = sessionsOf.remove(connection.id());
    }
    if (sessions != null) {
      sessions.forEach(session -> session.unbind(connection));
    }
  }

  /** A session is gone: no connection needs to remember it. */
  synchronized void forget(Session session) {
    sessionsOf.values().forEach(sessions -> sessions.remove(session));
  }

  private synchronized boolean serves(long connectionId) {
    Set<Session> sessions = sessionsOf.get(connectionId);
    return sessions != null && !sessions.isEmpty();
  }

  /** Whether the connection already serves a session of another client. */
  synchronized boolean servesAnother(RpcConnection connection, ClientRecord client) {
    Set<Session> sessions = sessionsOf.get(connection.id());
    return sessions != null && sessions.stream().anyMatch(session -> session.client() != client);
  }

  /** The host at the other end, as something to compare. */
  static Object hostOf(RpcConnection connection) {
    return connection.remoteAddress() instanceof InetSocketAddress address
            && address.getAddress() != null
        ? address.getAddress()
        : String.valueOf(connection.remoteAddress());
  }
}
