package io.selkie.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.NetUtil;
import io.selkie.config.HttpConfig;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Who may do what. With a token: who knows it, anything; others nothing but ask whether the server
 * is well. Without: everybody may look, which is why that goes on loopback only, and nobody may
 * change anything. Where there is no token, requests must name this machine by an address or as
 * localhost, so that no page of another site can look through somebody's browser.
 */
final class HttpAccess {

  private static final int TOKEN_MIN = 16;
  private static final int TOKEN_MAX = 4096;
  private static final Pattern TOKEN = Pattern.compile("[\\x21-\\x7e]+");
  private static final String BEARER = "bearer ";

  /** What a request wants. */
  enum Want {
    /** What tells nothing of anybody: health, the page without what it shows. */
    NOTHING,
    /** To look. */
    LOOK,
    /** To change something. */
    CHANGE
  }

  private final Optional<byte[]> token;
  private final Optional<SslContext> tls;

  private HttpAccess(Optional<byte[]> token, Optional<SslContext> tls) {
    this.token = token;
    this.tls = tls;
  }

  /**
   * As configured.
   *
   * @param address where it will listen
   * @param uid the server's own
   * @throws IOException when that would let in whom it should not, or a file is not as it must be
   */
  static HttpAccess of(HttpConfig config, InetSocketAddress address, int uid) throws IOException {
    Optional<byte[]> token = Optional.empty();
    if (config.tokenFile().isPresent()) {
      token = Optional.of(token(config.tokenFile().get(), uid));
    }
    Optional<SslContext> tls = Optional.empty();
    if (config.certificateFile().isPresent() && config.keyFile().isPresent()) {
      tls = Optional.of(tls(config.certificateFile().get(), config.keyFile().get(), uid));
    }
    if (!address.getAddress().isLoopbackAddress() && (token.isEmpty() || tls.isEmpty())) {
      throw new IOException(
          "http.listen: %s can be reached from other machines, and there is no %s; set %s, or"
                  .formatted(
                      config.listen(),
                      token.isEmpty() ? "token" : "certificate",
                      "http.tokenFile, http.certificateFile and http.keyFile")
              + " listen on a loopback address such as 127.0.0.1");
    }
    return new HttpAccess(token, tls);
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

  private static SslContext tls(Path certificate, Path key, int uid) throws IOException {
    SecretFile.require(key, "http.keyFile", uid);
    if (!Files.isReadable(certificate)) {
      throw new IOException("http.certificateFile: " + certificate + " cannot be read");
    }
    try {
      return SslContextBuilder.forServer(certificate.toFile(), key.toFile())
          .sslProvider(SslProvider.JDK)
          .protocols("TLSv1.3", "TLSv1.2")
          .build();
    } catch (IllegalArgumentException | IOException e) {
      throw new IOException(
          "http.certificateFile: no TLS with %s and %s: %s; give certificates and a PKCS #8"
                  .formatted(certificate, key, e.getMessage())
              + " key that is not encrypted, both PEM",
          e);
    }
  }

  Optional<SslContext> tls() {
    return tls;
  }

  boolean hasToken() {
    return token.isPresent();
  }

  /** Why a request is not served; empty when it is. */
  Optional<Refusal> refuses(HttpHeaders headers, Want want) {
    if (token.isEmpty() && !namesThisMachine(headers)) {
      return Optional.of(
          new Refusal(
              HttpResponseStatus.MISDIRECTED_REQUEST,
              "forbidden",
              "the Host of the request is neither an address nor localhost; set http.tokenFile to"
                  + " allow others"));
    }
    if (want == Want.NOTHING) {
      return Optional.empty();
    }
    if (token.isPresent()) {
      return knowsToken(headers, token.get())
          ? Optional.empty()
          : Optional.of(
              new Refusal(
                  HttpResponseStatus.UNAUTHORIZED,
                  "forbidden",
                  "send the token of http.tokenFile: Authorization: Bearer …"));
    }
    return want == Want.LOOK
        ? Optional.empty()
        : Optional.of(
            new Refusal(
                HttpResponseStatus.FORBIDDEN,
                "forbidden",
                "without http.tokenFile nothing can be changed over HTTP; set it, or use selkie"
                    + " ctl"));
  }

  private static boolean knowsToken(HttpHeaders headers, byte[] token) {
    String said = headers.get(HttpHeaderNames.AUTHORIZATION, "");
    return said.toLowerCase(Locale.ROOT).startsWith(BEARER)
        && MessageDigest.isEqual(said.substring(BEARER.length()).strip().getBytes(US_ASCII), token);
  }

  private static boolean namesThisMachine(HttpHeaders headers) {
    String host = headers.get(HttpHeaderNames.HOST);
    if (host == null) {
      // HTTP/1.0 has none, and browsers always send one.
      return true;
    }
    if (host.startsWith("[")) {
      int end = host.indexOf(']');
      return end > 0 && NetUtil.isValidIpV6Address(host.substring(1, end));
    }
    int colon = host.lastIndexOf(':');
    String name = colon < 0 ? host : host.substring(0, colon);
    return name.equalsIgnoreCase("localhost") || NetUtil.isValidIpV4Address(name);
  }
}
