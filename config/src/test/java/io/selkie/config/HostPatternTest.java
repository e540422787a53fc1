package io.selkie.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Goal: exactly the hosts that a pattern names are meant by it, and no name server is asked. */
class HostPatternTest {

  @ParameterizedTest
  @CsvSource({
    "192.0.2.0/24, 192.0.2.255, true",
    "192.0.2.0/24, 192.0.3.0, false",
    "192.0.2.77/24, 192.0.2.1, true",
    "192.0.2.128/25, 192.0.2.127, false",
    "192.0.2.128/25, 192.0.2.128, true",
    "192.0.2.4/30, 192.0.2.8, false",
    "0.0.0.0/0, 203.0.113.9, true",
    "0.0.0.0/0, 2001:db8::1, false",
    "192.0.2.7, 192.0.2.7, true",
    "192.0.2.7, 192.0.2.6, false",
    "2001:db8::/32, 2001:db8:ffff::1, true",
    "2001:db8::/33, 2001:db8:ffff::1, false",
    "::1, ::1, true",
    "192.0.2.7, ::ffff:192.0.2.7, true",
  })
  void networkContains(String pattern, String address, boolean contained) {
    HostPattern.Network network = (HostPattern.Network) HostPattern.parse(pattern).orElseThrow();
    assertThat(network.contains(InetAddress.ofLiteral(address))).isEqualTo(contained);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/x",
        "10.0.0",
        "1",
        "300.1.1.1",
        "::1/129",
        "fe80::g",
        "host/24",
        "-x",
        "a b",
        "x..-",
        "*.",
        "10.0.0.0/-1"
      })
  void whatIsNoneIsRefused(String text) {
    assertThat(HostPattern.parse(text)).isEmpty();
  }

  @Test
  void namesAndEverybody() {
    assertThat(HostPattern.parse("*")).contains(new HostPattern.Anyone());
    assertThat(HostPattern.parse("host-1.example.org"))
        .contains(new HostPattern.Host("host-1.example.org"));
  }
}
