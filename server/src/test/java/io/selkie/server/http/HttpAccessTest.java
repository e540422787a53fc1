package io.selkie.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.selkie.config.HostPort;
import io.selkie.config.HttpConfig;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.http.HttpAccess.Want;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Goal: only who may gets in, and a server that would let in others does not start. */
class HttpAccessTest {

  private static final String TOKEN = "0123456789abcdef0123456789abcdef";

  @TempDir private Path directory;
  private final int uid = new LinuxKernel().effectiveUid();

  private Path file(String name, String content, String mode) throws IOException {
    Path path = Files.writeString(directory.resolve(name), content);
    return Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
  }

  private HttpAccess access(String host, Path token, Path certificate, Path key)
      throws IOException {
    HttpConfig config =
        new HttpConfig(
            true,
            new HostPort(host, 0),
            Optional.ofNullable(token),
            Optional.ofNullable(certificate),
            Optional.ofNullable(key));
    return HttpAccess.of(config, new InetSocketAddress(InetAddress.getByName(host), 0), uid);
  }

  private static HttpHeaders headers(String... values) {
    HttpHeaders headers = new DefaultHttpHeaders();
    for (int i = 0; i < values.length; i += 2) {
      headers.set(values[i], values[i + 1]);
    }
    return headers;
  }

  private static String refused(HttpAccess access, Want want, String... values) {
    return access.refuses(headers(values), want).map(why -> "" + why.status().code()).orElse("");
  }

  @Test
  void withoutTokenEverybodyHereMayLookAndNobodyChange() throws IOException {
    HttpAccess access = access("127.0.0.1", null, null, null);
    assertThat(refused(access, Want.LOOK, "Host", "127.0.0.1:80")).isEmpty();
    assertThat(refused(access, Want.LOOK, "Host", "localhost")).isEmpty();
    assertThat(refused(access, Want.LOOK, "Host", "[::1]:80")).isEmpty();
    assertThat(refused(access, Want.CHANGE, "Host", "localhost")).isEqualTo("403");
  }

  @Test
  void pageOfAnotherSiteCannotLookThroughABrowser() throws IOException {
    HttpAccess access = access("127.0.0.1", null, null, null);
    assertThat(refused(access, Want.LOOK, "Host", "rebound.example.org:20080")).isEqualTo("421");
    assertThat(refused(access, Want.NOTHING, "Host", "rebound.example.org")).isEqualTo("421");
  }

  @Test
  void withTokenOnlyWhoKnowsItGetsIn() throws IOException {
    Path token = file("token", TOKEN + "\n", "rw-------");
    HttpAccess access = access("127.0.0.1", token, null, null);
    assertThat(refused(access, Want.NOTHING, "Host", "any.example.org")).isEmpty();
    assertThat(refused(access, Want.LOOK, "Host", "localhost")).isEqualTo("401");
    assertThat(refused(access, Want.LOOK, "Authorization", "Bearer " + TOKEN)).isEmpty();
    assertThat(refused(access, Want.CHANGE, "Authorization", "bearer " + TOKEN)).isEmpty();
    assertThat(refused(access, Want.CHANGE, "Authorization", "Bearer " + TOKEN + "0"))
        .isEqualTo("401");
    assertThat(refused(access, Want.CHANGE, "Authorization", "Bearer é")).isEqualTo("401");
    assertThat(refused(access, Want.CHANGE, "Authorization", "Basic " + TOKEN)).isEqualTo("401");
  }

  @Test
  void otherMachinesTakeTokenAndCertificate() throws IOException {
    Path token = file("token", TOKEN, "rw-------");
    assertThatThrownBy(() -> access("0.0.0.0", null, null, null))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("there is no token")
        .hasMessageContaining("http.tokenFile, http.certificateFile and http.keyFile");
    assertThatThrownBy(() -> access("0.0.0.0", token, null, null))
        .hasMessageContaining("there is no certificate");
  }

  @Test
  void secretThatOthersCouldReadIsRefused() throws IOException {
    Path open = file("token", TOKEN, "rw-r-----");
    assertThatThrownBy(() -> access("127.0.0.1", open, null, null))
        .hasMessageContaining("mode 0640")
        .hasMessageContaining("chmod 600");
    Path certificate = file("certificate", "", "rw-r--r--");
    Path key = file("key", "", "rw----r--");
    assertThatThrownBy(() -> access("127.0.0.1", null, certificate, key))
        .hasMessageContaining("http.keyFile")
        .hasMessageContaining("mode 0604");
  }

  @Test
  void tokenThatIsNoneIsRefused() throws IOException {
    for (String content : new String[] {"", "short", "two words, each of them long enough", "é"}) {
      Path token = file("token", content, "rw-------");
      assertThatThrownBy(() -> access("127.0.0.1", token, null, null))
          .as(content)
          .hasMessageContaining("does not hold one line of 16 to 4096");
    }
    assertThatThrownBy(() -> access("127.0.0.1", directory.resolve("none"), null, null))
        .hasMessageContaining("there is no file");
    assertThatThrownBy(() -> access("127.0.0.1", directory, null, null))
        .hasMessageContaining("is no file");
  }

  @Test
  void keyThatIsNoneIsRefused() throws IOException {
    Path certificate = file("certificate", "nonsense", "rw-r--r--");
    Path key = file("key", "nonsense", "rw-------");
    assertThatThrownBy(() -> access("127.0.0.1", null, certificate, key))
        .hasMessageContaining("does not hold certificates")
        .hasMessageContaining("its own first");
  }
}
