package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.selkie.config.ConfigSource;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.OnLoopback;
import io.selkie.server.SelkieServer;
import io.selkie.server.admin.ReloadOutcome;
import io.selkie.server.http.HttpServer;
import io.selkie.server.testing.TestCertificate;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.CertificateExpiredException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/**
 * Goal: over the network, HTTP is for who knows the token and believes the certificate; secrets can
 * be renewed while the server runs, and a server whose secrets are not in order does not start.
 */
@Timeout(600)
class HttpsTest {

  private static final String TOKEN = "0123456789abcdef0123456789abcdef";
  private static final String OTHER_TOKEN = "fedcba9876543210fedcba9876543210";
  private static final int PATIENCE_SECONDS = 120;

  @TempDir private Path directory;
  private final InetAddress machine = machine();
  private Path token;
  private Path certificate;
  private Path key;
  private ConfigSource source;
  private TestCertificate first;

  /** An address by which others reach this machine, if it has one. */
  private static InetAddress machine() {
    try {
      return NetworkInterface.networkInterfaces()
          .flatMap(NetworkInterface::inetAddresses)
          .filter(each -> each instanceof Inet4Address && !each.isLoopbackAddress())
          .findFirst()
          .orElse(InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new AssertionError("this machine's addresses", e);
    }
  }

  private TestCertificate make(int fromDays, int days) throws Exception {
    String names = "dns:localhost,ip:127.0.0.1,ip:" + machine.getHostAddress();
    return new TestCertificate(directory, "EC", names, fromDays, days);
  }

  @BeforeEach
  void secrets() throws Exception {
    Files.createDirectory(directory.resolve("export"));
    token = TestCertificate.file(directory.resolve("token"), TOKEN + "\n", "rw-------");
    first = make(-1, 365);
    certificate = first.certificateAt(directory.resolve("certificate.pem"));
    key = first.keyAt(directory.resolve("key.pem"));
    Path file = directory.resolve("selkie.yaml");
    configure(file, "0.0.0.0:0");
    source =
        new ConfigSource(Optional.of(file), OnLoopback.withStateIn(directory.resolve("state")));
  }

  private void configure(Path file, String listen) throws IOException {
    Files.writeString(
        file,
        """
        exports:
          - path: %s
        http:
          listen: %s
          tokenFile: %s
          certificateFile: %s
          keyFile: %s
        """
            .formatted(directory.resolve("export"), listen, token, certificate, key));
  }

  private SelkieServer server() throws Exception {
    return SelkieServer.start(source.load(), source, new LinuxKernel());
  }

  private static HttpClient client(TestCertificate believed) throws Exception {
    return HttpClient.newBuilder()
        .sslContext(believed.trusting())
        .connectTimeout(Duration.ofSeconds(PATIENCE_SECONDS))
        .build();
  }

  private HttpRequest.Builder request(SelkieServer server, String path, String known) {
    int port = server.httpAddress().orElseThrow().getPort();
    HttpRequest.Builder request =
        HttpRequest.newBuilder(
                URI.create("https://%s:%d%s".formatted(machine.getHostAddress(), port, path)))
            .timeout(Duration.ofSeconds(PATIENCE_SECONDS));
    return known.isEmpty() ? request : request.header("Authorization", "Bearer " + known);
  }

  private int status(HttpClient client, SelkieServer server, String known) throws Exception {
    return client
        .send(request(server, "/api/v1/status", known).build(), BodyHandlers.ofString())
        .statusCode();
  }

  private static ReloadOutcome reload(SelkieServer server) throws Exception {
    return server.reload(false).toCompletableFuture().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  private static String refused(SelkieServer server) throws Exception {
    ReloadOutcome outcome = reload(server);
    assertThat(outcome).isInstanceOf(ReloadOutcome.Failed.class);
    return ((ReloadOutcome.Failed) outcome).reason();
  }

  @Test
  void overTheNetworkWhoKnowsTheTokenLooksAndChanges() throws Exception {
    try (SelkieServer server = server();
        HttpClient client = client(first)) {
      HttpResponse<String> seen =
          client.send(request(server, "/api/v1/status", TOKEN).build(), BodyHandlers.ofString());
      assertThat(seen.statusCode()).isEqualTo(200);
      assertThat(seen.body()).contains("\"state\":\"running\"");
      assertThat(seen.sslSession().map(SSLSession::getProtocol)).contains("TLSv1.3");

      HttpResponse<String> changed =
          client.send(
              request(server, "/api/v1/log", TOKEN)
                  .header("Content-Type", "application/json")
                  .POST(BodyPublishers.ofString("{\"level\":\"info\"}"))
                  .build(),
              BodyHandlers.ofString());
      assertThat(changed.statusCode()).as(changed.body()).isEqualTo(200);
    }
  }

  @Test
  void whoDoesNotKnowTheTokenLearnsOnlyThatTheServerIsWell() throws Exception {
    try (SelkieServer server = server();
        HttpClient client = client(first)) {
      for (String wrong : List.of("", OTHER_TOKEN, TOKEN + "0", TOKEN.substring(1))) {
        for (String path : List.of("/api/v1/status", "/api/v1/stream", "/metrics")) {
          HttpResponse<String> answer =
              client.send(request(server, path, wrong).build(), BodyHandlers.ofString());
          assertThat(answer.statusCode()).as(path + " with '" + wrong + "'").isEqualTo(401);
          assertThat(answer.body()).contains("http.tokenFile").doesNotContain("export");
        }
        assertThat(
                client
                    .send(request(server, "/healthz", wrong).build(), BodyHandlers.ofString())
                    .statusCode())
            .isEqualTo(200);
      }
    }
  }

  @Test
  void nothingIsToldToWhoSpeaksNoTlsOrBelievesAnotherCertificate() throws Exception {
    try (SelkieServer server = server();
        HttpClient stranger = client(make(-1, 365))) {
      assertThatThrownBy(() -> status(stranger, server, TOKEN))
          .isInstanceOf(SSLHandshakeException.class);
      try (Socket plain = new Socket(machine, server.httpAddress().orElseThrow().getPort())) {
        plain.setSoTimeout(PATIENCE_SECONDS * 1000);
        plain.getOutputStream().write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(UTF_8));
        assertThat(new String(plain.getInputStream().readAllBytes(), UTF_8))
            .doesNotContain("HTTP/1.1")
            .doesNotContain("ok");
      }
    }
  }

  private interface Mistake {
    void make() throws Exception;
  }

  private void assertDoesNotStart(Mistake mistake, String... said) throws Exception {
    secretsInOrder();
    mistake.make();
    assertThatThrownBy(this::server).isInstanceOf(IOException.class).hasMessageContainingAll(said);
  }

  private void secretsInOrder() throws IOException {
    TestCertificate.file(token, TOKEN, "rw-------");
    first.certificateAt(certificate);
    first.keyAt(key);
  }

  private static void rights(Path path, String rights) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(rights));
  }

  @Test
  void serverWhoseSecretsAreNotInOrderDoesNotStartAndSaysWhy() throws Exception {
    assertDoesNotStart(
        () -> rights(token, "rw-r-----"), "http.tokenFile", "mode 0640", "chmod 600");
    assertDoesNotStart(() -> rights(key, "rw----r--"), "http.keyFile", "mode 0604", "chmod 600");
    assertDoesNotStart(() -> Files.delete(token), "http.tokenFile", "there is no file " + token);
    assertDoesNotStart(() -> Files.delete(key), "http.keyFile", "there is no file " + key);
    assertDoesNotStart(() -> Files.delete(certificate), "http.certificateFile", "cannot be read");
    assertDoesNotStart(
        () -> TestCertificate.file(certificate, "nonsense", "rw-r--r--"),
        "http.certificateFile",
        "does not hold certificates");
    assertDoesNotStart(
        () -> TestCertificate.file(key, "nonsense", "rw-------"), "http.keyFile", "PKCS #8");
    TestCertificate other = make(-1, 365);
    assertDoesNotStart(
        () -> other.keyAt(key), "is not the key of the first certificate", "CN=selkie test");
    TestCertificate ofOtherKind = new TestCertificate(directory, "RSA", "dns:localhost", -1, 2);
    assertDoesNotStart(() -> ofOtherKind.keyAt(key), "does not hold the EC key");
    // What did not start has left nothing: the same state directory serves the next one.
    secretsInOrder();
    try (SelkieServer server = server();
        HttpClient client = client(first)) {
      assertThat(status(client, server, TOKEN)).isEqualTo(200);
    }
  }

  @Test
  void keysOfAllKindsServe() throws Exception {
    for (String algorithm : List.of("RSA", "Ed25519")) {
      TestCertificate made =
          new TestCertificate(
              directory, algorithm, "ip:127.0.0.1,ip:" + machine.getHostAddress(), -1, 365);
      made.certificateAt(certificate);
      made.keyAt(key);
      try (SelkieServer server = server();
          HttpClient client = client(made)) {
        assertThat(status(client, server, TOKEN)).as(algorithm).isEqualTo(200);
      }
    }
  }

  @Test
  void renewedCertificateCountsAfterAReloadAndNobodyIsCutOff() throws Exception {
    try (SelkieServer server = server();
        HttpClient before = client(first)) {
      assertThat(status(before, server, TOKEN)).isEqualTo(200);
      TestCertificate second = make(-1, 400);
      second.certificateAt(certificate);
      second.keyAt(key);
      try (HttpClient early = client(second)) {
        assertThatThrownBy(() -> status(early, server, TOKEN))
            .as("the one in use is still the first")
            .isInstanceOf(SSLException.class);
      }
      ReloadOutcome outcome = reload(server);
      assertThat(outcome).isInstanceOf(ReloadOutcome.Applied.class);
      assertThat(((ReloadOutcome.Applied) outcome).changes())
          .singleElement()
          .satisfies(change -> {
            assertThat(change.live()).isTrue();
            assertThat(change.describe())
                .startsWith("http.certificateFile renewed: CN=selkie test, valid until ");
          });
      try (HttpClient after = client(second)) {
        assertThat(status(after, server, TOKEN)).isEqualTo(200);
      }
      assertThat(status(before, server, TOKEN)).as("a connection from before").isEqualTo(200);
      assertThat(reload(server)).isInstanceOf(ReloadOutcome.Unchanged.class);
    }
  }

  @Test
  void renewalWithAMistakeChangesNothing() throws Exception {
    try (SelkieServer server = server()) {
      make(-1, 365).certificateAt(certificate);
      assertThat(refused(server)).contains("is not the key of the first certificate");
      secretsInOrder();
      TestCertificate expired = make(-10, 5);
      expired.certificateAt(certificate);
      expired.keyAt(key);
      assertThat(refused(server)).contains("the renewed certificate is not valid now, but from ");
      secretsInOrder();
      TestCertificate.file(token, OTHER_TOKEN, "rw-r--r--");
      assertThat(refused(server)).contains("mode 0644");
      try (HttpClient client = client(first)) {
        assertThat(status(client, server, TOKEN)).isEqualTo(200);
        assertThat(status(client, server, OTHER_TOKEN)).isEqualTo(401);
      }
    }
  }

  @Test
  void renewedTokenEndsTheStreamsThatTheOldOneOpened() throws Exception {
    try (SelkieServer server = server();
        HttpClient client = client(first)) {
      var stream =
          client.send(
              request(server, "/api/v1/stream", TOKEN).build(), BodyHandlers.ofInputStream());
      assertThat(stream.statusCode()).isEqualTo(200);
      try (var reader = new BufferedReader(new InputStreamReader(stream.body(), UTF_8))) {
        assertThat(reader.readLine()).startsWith(":");
        TestCertificate.file(token, OTHER_TOKEN, "rw-------");
        assertThat(reload(server)).isInstanceOf(ReloadOutcome.Applied.class);
        assertThatThrownBy(
                () -> {
                  while (reader.readLine() != null) {
                    // What was on its way.
                  }
                  throw new IOException("ended in order");
                })
            .isInstanceOf(IOException.class);
      }
      assertThat(status(client, server, TOKEN)).isEqualTo(401);
      assertThat(status(client, server, OTHER_TOKEN)).isEqualTo(200);
    }
  }

  @Test
  void expiredCertificateKeepsNoServerFromStartingButIsSaid() throws Exception {
    TestCertificate expired = make(-10, 5);
    expired.certificateAt(certificate);
    expired.keyAt(key);
    ListAppender<ILoggingEvent> said = new ListAppender<>();
    Logger logger = (Logger) LoggerFactory.getLogger(HttpServer.class);
    said.start();
    logger.addAppender(said);
    try (SelkieServer server = server();
        HttpClient client = client(expired)) {
      assertThat(said.list)
          .filteredOn(event -> event.getLevel() == Level.WARN)
          .singleElement()
          .extracting(ILoggingEvent::getFormattedMessage)
          .asString()
          .startsWith("http.certificateFile has not been valid since ");
      // This client believes it by name; one that asks an authority would not.
      SSLSession session =
          client
              .send(request(server, "/healthz", "").build(), BodyHandlers.discarding())
              .sslSession()
              .orElseThrow();
      X509Certificate shown = (X509Certificate) session.getPeerCertificates()[0];
      assertThatThrownBy(shown::checkValidity).isInstanceOf(CertificateExpiredException.class);
      first.certificateAt(certificate);
      first.keyAt(key);
      assertThat(reload(server)).isInstanceOf(ReloadOutcome.Applied.class);
      try (HttpClient after = client(first)) {
        HttpResponse<String> metrics =
            after.send(request(server, "/metrics", TOKEN).build(), BodyHandlers.ofString());
        assertThat(metrics.body()).contains("selkie_http_certificate_expiry_timestamp_seconds ");
      }
    } finally {
      logger.detachAppender(said);
    }
  }
}
