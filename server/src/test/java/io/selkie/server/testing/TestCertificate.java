package io.selkie.server.testing;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** A certificate that signs itself, made by the JDK's keytool, as files that a server reads. */
public final class TestCertificate {

  private static final int PATIENCE_SECONDS = 120;
  private static final String PASSWORD = "no secret";

  private final Certificate certificate;
  private final String certificatePem;
  private final String keyPem;

  /**
   * Makes one.
   *
   * @param directory for what keytool writes
   * @param algorithm such as {@code EC}
   * @param names subject alternative names, such as {@code ip:127.0.0.1}
   * @param fromDays when it begins to be valid, from now
   * @param days for how many it is
   */
  public TestCertificate(Path directory, String algorithm, String names, int fromDays, int days)
      throws Exception {
    Path store = directory.resolve("made-by-keytool");
    Path said = directory.resolve("keytool.log");
    Process keytool =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                    "-genkeypair",
                    "-alias",
                    "it",
                    "-keyalg",
                    algorithm,
                    "-dname",
                    "CN=selkie test",
                    "-ext",
                    "SAN=" + names,
                    "-startdate",
                    (fromDays < 0 ? "" : "+") + fromDays + "d",
                    "-validity",
                    Integer.toString(days),
                    "-storetype",
                    "PKCS12",
                    "-storepass",
                    PASSWORD,
                    "-keystore",
                    store.toString()))
            .redirectErrorStream(true)
            .redirectOutput(said.toFile())
            .start();
    try {
      assertThat(keytool.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(keytool.exitValue()).as(Files.readString(said)).isZero();
    } finally {
      keytool.destroyForcibly().waitFor();
      Files.delete(said);
    }
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD.toCharArray());
    }
    Files.delete(store);
    certificate = keys.getCertificate("it");
    certificatePem = pem("CERTIFICATE", certificate.getEncoded());
    keyPem = pem("PRIVATE KEY", keys.getKey("it", PASSWORD.toCharArray()).getEncoded());
  }

  private static String pem(String what, byte[] encoded) {
    return "-----BEGIN %s-----\n%s\n-----END %s-----\n"
        .formatted(
            what, Base64.getMimeEncoder(64, "\n".getBytes(US_ASCII)).encodeToString(encoded), what);
  }

  /** Puts the certificate where all may read it. */
  public Path certificateAt(Path path) throws IOException {
    return file(path, certificatePem, "rw-r--r--");
  }

  /** Puts the key where only its owner may read it. */
  public Path keyAt(Path path) throws IOException {
    return file(path, keyPem, "rw-------");
  }

  /** Puts text into a file with these rights. */
  public static Path file(Path path, String content, String rights) throws IOException {
    Files.writeString(path, content);
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(rights));
  }

  /** For a client that believes this certificate, and no other. */
  public SSLContext trusting() throws IOException, GeneralSecurityException {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("it", certificate);
    TrustManagerFactory managers =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, managers.getTrustManagers(), new SecureRandom());
    return context;
  }
}
