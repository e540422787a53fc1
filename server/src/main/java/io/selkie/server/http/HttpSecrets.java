package io.selkie.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.selkie.config.ConfigDifference.Change;
import io.selkie.config.ConfigDifference.FileRenewed;
import io.selkie.config.HttpConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** What callers must know and what the server proves itself with, as the files were when read. */
final class HttpSecrets {

  private static final int TOKEN_MIN = 16;
  private static final int TOKEN_MAX = 4096;
  private static final Pattern TOKEN = Pattern.compile("[\\x21-\\x7e]+");

  private final Optional<byte[]> token;
  private final Optional<ServerCertificate> certificate;

  private HttpSecrets(Optional<byte[]> token, Optional<ServerCertificate> certificate) {
    this.token = token;
    this.certificate = certificate;
  }

  /**
   * Reads what is configured.
   *
   * @param uid the server's own
   * @throws IOException when a file is not as it must be; the message says what to do
   */
  static HttpSecrets read(HttpConfig config, int uid) throws IOException {
    Optional<byte[]> token = Optional.empty();
    if (config.tokenFile().isPresent()) {
      token = Optional.of(token(config.tokenFile().get(), uid));
    }
    Optional<ServerCertificate> certificate = Optional.empty();
    if (config.certificateFile().isPresent() && config.keyFile().isPresent()) {
      certificate =
          Optional.of(
              ServerCertificate.read(config.certificateFile().get(), config.keyFile().get(), uid));
    }
    return new HttpSecrets(token, certificate);
  }

  private static byte[] token(Path path, int uid) throws IOException {
    SecretFile.require(path, "http.tokenFile", uid);
    if (Files.size(path) > TOKEN_MAX + 2) {
      throw new IOException("http.tokenFile: " + path + " is longer than " + TOKEN_MAX + " bytes");
    }
    String text = Files.readString(path).strip();
    if (text.length() < TOKEN_MIN || !TOKEN.matcher(text).matches()) {
      throw new IOException(
          "http.tokenFile: %s does not hold one line of %d to %d visible characters of ASCII; write"
                  .formatted(path, TOKEN_MIN, TOKEN_MAX)
              + " such as what openssl rand -hex 32 prints");
    }
    return text.getBytes(US_ASCII);
  }

  Optional<ServerCertificate> certificate() {
    return certificate;
  }

  boolean hasToken() {
    return token.isPresent();
  }

  /** Whether that is the token; takes as long whatever is wrong about it. */
  boolean isToken(String said) {
    return token.isPresent() && MessageDigest.isEqual(said.getBytes(US_ASCII), token.get());
  }

  /** Whether another token counts than did. */
  boolean hasOtherToken(HttpSecrets before) {
    return token.isPresent() && !before.isToken(new String(token.get(), US_ASCII));
  }

  private boolean hasOtherCertificate(HttpSecrets before) {
    return !certificate
        .map(ServerCertificate::chain)
        .equals(before.certificate.map(ServerCertificate::chain));
  }

  /**
   * What differs from those read before, in words.
   *
   * @param now the time of day
   * @throws IOException when the certificate is another one, and not valid now
   */
  List<Change> changesFrom(HttpSecrets before, Instant now) throws IOException {
    List<Change> changes = new ArrayList<>();
    if (hasOtherToken(before)) {
      changes.add(new FileRenewed("http.tokenFile", "callers must know another token"));
    }
    if (certificate.isPresent() && hasOtherCertificate(before)) {
      ServerCertificate renewed = certificate.get();
      if (now.isBefore(renewed.notBefore()) || now.isAfter(renewed.notAfter())) {
        throw new IOException(
            "http.certificateFile: the renewed certificate is not valid now, but from %s to %s"
                .formatted(renewed.notBefore(), renewed.notAfter()));
      }
      changes.add(new FileRenewed("http.certificateFile", renewed.describe()));
    }
    return changes;
  }
}
