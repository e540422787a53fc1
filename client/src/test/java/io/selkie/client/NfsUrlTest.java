package io.selkie.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NfsUrlTest {

  @ParameterizedTest
  @CsvSource({
    "nfs://host/a/b, host, 2049, /a/b",
    "NFS://host:12/a, host, 12, /a",
    "nfs://10.1.2.3:/x/, 10.1.2.3, 2049, /x",
    "nfs://[::1]/x, ::1, 2049, /x",
    "nfs://[fe80::1%25eth0]:7/x, fe80::1%25eth0, 7, /x",
    "nfs://host, host, 2049, /",
    "nfs://host//a/./b%20c, host, 2049, /a/b c",
    "nfs://host/%C3%A4, host, 2049, /ä",
  })
  void urlsAreUnderstood(String text, String host, int port, String path) {
    NfsUrl url = NfsUrl.parse(text);
    assertThat(url.host()).isEqualTo(host);
    assertThat(url.port()).isEqualTo(port);
    assertThat(url.path()).isEqualTo(path);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://host/a",
        "nfs:///a",
        "nfs://host:0/a",
        "nfs://host:65536/a",
        "nfs://host:99999999999/a",
        "nfs://host:-1/a",
        "nfs://host:x/a",
        "nfs://[::1/a",
        "nfs://[host]/a",
        "nfs://::1/a",
        "nfs://user@host/a",
        "nfs://host/a/../b",
        "nfs://host/a%2fb",
        "nfs://host/a%00",
        "nfs://host/a%",
        "nfs://host/a%4",
        "nfs://host/a%zz",
        "nfs://host/%ff%fe",
        "nfs://host/a?b",
        "nfs://host/a#b",
      })
  void whatIsNoUrlIsSaidInOneLine(String text) {
    assertThatThrownBy(() -> NfsUrl.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .contains(text)
        .doesNotContain("\n");
  }

  @Property
  void anythingElseIsAnIllegalArgument(@ForAll String text) {
    try {
      NfsUrl url = NfsUrl.parse("nfs://" + text);
      assertThat(url.port()).isBetween(1, 65535);
      assertThat(url.components()).doesNotContain("", ".", "..");
    } catch (IllegalArgumentException e) {
      assertThat(e.getMessage()).isNotEmpty();
    }
  }

  @Test
  void aTrailingSlashMeansADirectory() {
    assertThat(NfsUrl.parse("nfs://h/a/").hasTrailingSlash()).isTrue();
    assertThat(NfsUrl.parse("nfs://h/").hasTrailingSlash()).isFalse();
    assertThat(NfsUrl.parse("nfs://h/a").resolve("b").components()).isEqualTo(List.of("a", "b"));
  }
}
