package io.selkie.client.session;

import io.selkie.client.session.SessionHandshake.ChannelAttributes;
import io.selkie.client.session.SessionHandshake.CreatedSession;

/**
 * A session as it is on the server: replaced as a whole when the server has forgotten it. Its
 * connection may be replaced while it lives.
 */
final class Incarnation {
  final io.selkie.protocol.nfs4.SessionId4 id;
  final long clientId;

  /** Grows when the client id changes: opens and layouts of an earlier one are gone. */
  final int stateGeneration;

  final ChannelAttributes fore;
  final SlotTable slots;
  volatile NfsConnection connection;

  /** The connection whose back channel was bound again already, to do it once for each. */
  volatile NfsConnection rebound;

  Incarnation(
      CreatedSession created,
      long clientId,
      int stateGeneration,
      int slotsWanted,
      NfsConnection connection) {
    this.id = created.id();
    this.clientId = clientId;
    this.stateGeneration = stateGeneration;
    this.fore = created.fore();
    this.slots = new SlotTable(slotsWanted, created.fore().requests());
    this.connection = connection;
  }
}
