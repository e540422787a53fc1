package io.selkie.server.session;

import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.rpc.RpcConst;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/** Clients and sessions, for those who only look: administrators. Takes no lock. */
public final class SessionSurvey {

  /** Where clients can stand, as views say it. */
  public static final List<String> CLIENT_STATES =
      Stream.of(ClientRecord.State.values())
          .filter(state -> state != ClientRecord.State.GONE)
          .map(SessionSurvey::word)
          .toList();

  private final ClientTable clients;
  private final Duration lease;

  SessionSurvey(ClientTable clients, Duration lease) {
    this.clients = clients;
    this.lease = lease;
  }

  /**
   * A client.
   *
   * @param owner co_ownerid: as text where it is some, otherwise in hexadecimal digits
   * @param implementation what it calls itself, if it does
   * @param address where its EXCHANGE_ID came from
   * @param state unconfirmed, confirmed or courteous
   * @param uid of AUTH_SYS; empty for another flavor
   * @param silent how long it has not renewed its lease
   */
  public record ClientView(
      long clientId,
      String owner,
      Optional<String> implementation,
      String address,
      String state,
      OptionalInt uid,
      boolean reclaimComplete,
      int sessions,
      boolean backChannel,
      Duration silent,
      Duration lease) {}

  /**
   * A session.
   *
   * @param slots how many are accepted
   * @param slotsWanted how many the client is asked to use
   * @param backChannel whether the client can be called back
   */
  public record SessionView(
      SessionId4 id,
      long clientId,
      int slots,
      int slotsWanted,
      int maxRequestBytes,
      int maxResponseBytes,
      int maxOperations,
      boolean backChannel,
      List<ConnectionView> connections) {}

  /**
   * A connection of a session.
   *
   * @param fore whether requests may come over it
   * @param back whether callbacks may go over it
   */
  public record ConnectionView(long id, String remote, boolean fore, boolean back) {}

  /** All clients now known. */
  public List<ClientView> clients() {
    return clients.all().stream().map(this::view).toList();
  }

  private ClientView view(ClientRecord record) {
    ByteBuffer owner = record.owner().duplicate();
    byte[] bytes = new byte[owner.remaining()];
    owner.get(bytes);
    boolean named = record.principal().flavor() == RpcConst.AUTH_SYS;
    return new ClientView(
        record.clientId(),
        readable(bytes),
        Optional.ofNullable(record.implementation()),
        record.host() instanceof InetAddress address
            ? address.getHostAddress()
            : String.valueOf(record.host()),
        word(record.state()),
        named ? OptionalInt.of(record.principal().uid()) : OptionalInt.empty(),
        record.isReclaimComplete(),
        record.sessions().size(),
        record.hasBackChannel(),
        Duration.ofNanos(record.silentNanos()),
        lease);
  }

  private static String word(ClientRecord.State state) {
    return state.name().toLowerCase(Locale.ROOT);
  }

  private static String readable(byte[] bytes) {
    for (byte b : bytes) {
      if (b < 0x20 || b > 0x7e) {
        return HexFormat.of().formatHex(bytes);
      }
    }
    return new String(bytes, StandardCharsets.US_ASCII);
  }

  /** All sessions. */
  public List<SessionView> sessions() {
    return clients.allSessions().stream().map(SessionSurvey::view).toList();
  }

  private static SessionView view(Session session) {
    List<ConnectionView> connections = new ArrayList<>();
    session.eachConnection((connection, directions) ->
        connections.add(
            new ConnectionView(
                connection.id(),
                connection.remoteAddress() instanceof InetSocketAddress address
                    ? text(address)
                    : String.valueOf(connection.remoteAddress()),
                (directions & SessionConst4.CDFS4_FORE) != 0,
                (directions & SessionConst4.CDFS4_BACK) != 0)));
    return new SessionView(
        session.id(),
        session.client().clientId(),
        session.slots().count(),
        session.slots().target(),
        Math.toIntExact(session.fore().maxRequestSize()),
        Math.toIntExact(session.fore().maxResponseSize()),
        Math.toIntExact(session.fore().maxOperations()),
        session.backChannel().isUp(),
        connections);
  }

  private static String text(InetSocketAddress address) {
    String host =
        address.getAddress() == null
            ? address.getHostString()
            : address.getAddress().getHostAddress();
    return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + address.getPort();
  }
}
