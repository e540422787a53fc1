package io.selkie.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The server over HTTP: metrics, health, the administrators' interface, a page to look at. Whoever
 * reaches a loopback address may look, unless there is a token; who wants to change something needs
 * the token in any case. Elsewhere than on loopback it takes a token, a certificate and its key.
 *
 * @param enabled whether it listens at all
 * @param listen where; when the default is taken by somebody else the server runs without
 * @param tokenFile holds what callers must know, {@code Authorization: Bearer …}; a file that only
 *     its owner may read
 * @param certificateFile certificates for TLS, PEM, the server's own first
 * @param keyFile its private key, PKCS #8 in PEM, not encrypted; a file that only its owner may
 *     read
 */
public record HttpConfig(
    @Setting("true") boolean enabled,
    @Setting(DEFAULT_LISTEN) HostPort listen,
    @Setting(value = Setting.NOTHING, min = 1, max = 4096) Optional<Path> tokenFile,
    @Setting(value = Setting.NOTHING, min = 1, max = 4096) Optional<Path> certificateFile,
    @Setting(value = Setting.NOTHING, min = 1, max = 4096) Optional<Path> keyFile) {

  private static final String DEFAULT_LISTEN = "127.0.0.1:20080";

  /** Whether nobody has said where to listen, so that nobody counts on it. */
  public boolean listensByDefault() {
    return listen.toString().equals(DEFAULT_LISTEN);
  }
}
