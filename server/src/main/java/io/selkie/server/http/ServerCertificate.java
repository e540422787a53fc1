package io.selkie.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the server proves itself with, as its files were when they were read. A key that is not the
 * certificate's is found here, not by the first client.
 *
 * @param context for connections
 * @param chain certificates, the server's own first
 */
record ServerCertificate(SslContext context, List<X509Certificate> chain) {

  private static final int BYTES_MAX = 1 << 20;

  /** Not an encrypted one, nor one of another form than PKCS #8. */
  private static final Pattern KEY =
      Pattern.compile(
          "-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END PRIVATE KEY-----",
          Pattern.CASE_INSENSITIVE);

  private static final byte[] SAMPLE =
      "signed by the one, verified by the other".getBytes(US_ASCII);

  /**
   * Reads both files.
   *
   * @param uid the server's own, or root's the key must be
   * @throws IOException when they are not as they must be; the message says which and why
   */
  static ServerCertificate read(Path certificate, Path key, int uid) throws IOException {
    SecretFile.require(key, "http.keyFile", uid);
    List<X509Certificate> chain = chain(certificate);
    PrivateKey secret = key(key, chain.getFirst());
    try {
      if (!belongTogether(secret, chain.getFirst())) {
        throw new IOException(
            "http.keyFile: %s is not the key of the first certificate in %s (%s); give the two that"
                    .formatted(key, certificate, name(chain.getFirst()))
                + " were made together");
      }
      return new ServerCertificate(
          SslContextBuilder.forServer(secret, chain)
              .sslProvider(SslProvider.JDK)
              .protocols("TLSv1.3", "TLSv1.2")
              .build(),
          chain);
    } catch (IllegalArgumentException | GeneralSecurityException | IOException e) {
      if (e instanceof IOException said && said.getMessage().startsWith("http.")) {
        throw said;
      }
      throw new IOException(
          "http.certificateFile: no TLS with %s and %s: %s; give an RSA, EC or Ed25519 certificate"
              .formatted(certificate, key, e.getMessage()),
          e);
    }
  }

  private static List<X509Certificate> chain(Path path) throws IOException {
    if (!Files.isReadable(path)) {
      throw new IOException("http.certificateFile: " + path + " cannot be read");
    }
    try {
      List<X509Certificate> chain =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(bytes(path, "http.certificateFile")))
              .stream()
              .map(X509Certificate.class::cast)
              .toList();
      if (!chain.isEmpty()) {
        return chain;
      }
      throw new CertificateException("there is none in it");
    } catch (CertificateException e) {
      throw new IOException(
          "http.certificateFile: %s does not hold certificates: %s; give PEM, its own first"
              .formatted(path, e.getMessage()),
          e);
    }
  }

  private static byte[] bytes(Path path, String setting) throws IOException {
    if (Files.size(path) > BYTES_MAX) {
      throw new IOException(setting + ": " + path + " is longer than " + BYTES_MAX + " bytes");
    }
    return Files.readAllBytes(path);
  }

  private static PrivateKey key(Path path, X509Certificate certificate) throws IOException {
    String algorithm = certificate.getPublicKey().getAlgorithm();
    try {
      Matcher found = KEY.matcher(new String(bytes(path, "http.keyFile"), US_ASCII));
      if (!found.find()) {
        throw new GeneralSecurityException("there is no PRIVATE KEY in it");
      }
      byte[] encoded = Base64.getMimeDecoder().decode(found.group(1));
      return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(encoded));
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw new IOException(
          "http.keyFile: %s does not hold the %s key of the certificate: %s; give a PKCS #8 key"
                  .formatted(path, algorithm, e.getMessage())
              + " that is not encrypted, PEM",
          e);
    }
  }

  private static boolean belongTogether(PrivateKey secret, X509Certificate certificate)
      throws GeneralSecurityException {
    Signature signature =
        Signature.getInstance(
            switch (secret.getAlgorithm()) {
              case "RSA" -> "SHA256withRSA";
              case "EC" -> "SHA256withECDSA";
              default -> secret.getAlgorithm();
            });
    signature.initSign(secret);
    signature.update(SAMPLE);
    byte[] signed = signature.sign();
    signature.initVerify(certificate.getPublicKey());
    signature.update(SAMPLE);
    return signature.verify(signed);
  }

  /** When the first certificate of the chain stops to be valid, whichever that is. */
  Instant notAfter() {
    return chain.stream()
        .map(each -> each.getNotAfter().toInstant())
        .min(Instant::compareTo)
        .orElseThrow();
  }

  /** When all of the chain begins to be valid. */
  Instant notBefore() {
    return chain.stream()
        .map(each -> each.getNotBefore().toInstant())
        .max(Instant::compareTo)
        .orElseThrow();
  }

  /** Whom it is for, and until when. */
  String describe() {
    return "%s, valid until %s".formatted(name(chain.getFirst()), notAfter());
  }

  private static String name(X509Certificate certificate) {
    return certificate.getSubjectX500Principal().getName();
  }
}
