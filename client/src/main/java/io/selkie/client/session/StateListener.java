package io.selkie.client.session;

import java.io.IOException;

/** Told what becomes of a client's state on the server. */
public interface StateListener {

  /** Makes calls on a session that is being recovered. */
  @FunctionalInterface
  interface RecoveryCalls {
    /** Sends a call made by {@link Nfs41Session#compound} and reads its reply. */
    <T> T call(Compound call, Nfs41Session.Decoder<T> decoder) throws IOException;
  }

  /**
   * The server has a new client id for us: opens and layouts are gone. Reclaim the opens through
   * {@code calls}; nobody else can use the session until this returns. RECLAIM_COMPLETE follows.
   */
  void onStateLost(RecoveryCalls calls) throws IOException;

  /** SEQUENCE says that some state was revoked. Called on a worker; may block. */
  void onStateRevoked() throws IOException;
}
