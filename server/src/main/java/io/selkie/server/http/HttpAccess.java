package io.selkie.server.http;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.ssl.SslContext;
import io.netty.util.NetUtil;
import io.selkie.config.HttpConfig;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Locale;
import java.util.Optional;

/**
 * Who may do what. With a token: who knows it, anything; others nothing but ask whether the server
 * is well. Without: everybody may look, which is why that goes on loopback only, and nobody may
 * change anything. Where there is no token, requests must name this machine by an address or as
 * localhost, so that no page of another site can look through somebody's browser.
 */
final class HttpAccess {

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

  /** Those of now; they can be renewed while connections are open. */
  private volatile HttpSecrets secrets;

  private HttpAccess(HttpSecrets secrets) {
    this.secrets = secrets;
  }

  /**
   * As configured.
   *
   * @param address where it will listen
   * @param uid the server's own
   * @throws IOException when that would let in whom it should not, or a file is not as it must be
   */
  static HttpAccess of(HttpConfig config, InetSocketAddress address, int uid) throws IOException {
    HttpSecrets secrets = HttpSecrets.read(config, uid);
    if (!address.getAddress().isLoopbackAddress()
        && (!secrets.hasToken() || secrets.certificate().isEmpty())) {
      throw new IOException(
          "http.listen: %s can be reached from other machines, and there is no %s; set %s, or"
                  .formatted(
                      config.listen(),
                      secrets.hasToken() ? "certificate" : "token",
                      "http.tokenFile, http.certificateFile and http.keyFile")
              + " listen on a loopback address such as 127.0.0.1");
    }
    return new HttpAccess(secrets);
  }

  /** What counts now. */
  HttpSecrets secrets() {
    return secrets;
  }

  /** Lets others count from the next request and the next connection on. */
  void use(HttpSecrets renewed) {
    secrets = renewed;
  }

  /** With what a connection begins; empty when it is not encrypted. */
  Optional<SslContext> tls() {
    return secrets.certificate().map(ServerCertificate::context);
  }

  boolean hasToken() {
    return secrets.hasToken();
  }

  /** Why a request is not served; empty when it is. */
  Optional<Refusal> refuses(HttpHeaders headers, Want want) {
    HttpSecrets known = secrets;
    if (!known.hasToken() && !namesThisMachine(headers)) {
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
    if (known.hasToken()) {
      return knowsToken(headers, known)
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

  private static boolean knowsToken(HttpHeaders headers, HttpSecrets known) {
    String said = headers.get(HttpHeaderNames.AUTHORIZATION, "");
    return said.toLowerCase(Locale.ROOT).startsWith(BEARER)
        && known.isToken(said.substring(BEARER.length()).strip());
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
