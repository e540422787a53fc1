package io.selkie.server.admin;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;

/** What a server that is not there says of itself. */
public final class SampleFacts {

  private SampleFacts() {}

  /** Of a server that runs, with nothing in particular. */
  public static ServerControl.Facts facts() {
    return new ServerControl.Facts(
        "0",
        Instant.EPOCH,
        0,
        "running",
        Optional.empty(),
        Path.of("/"),
        new InetSocketAddress(0),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        Optional.empty(),
        45,
        1,
        1);
  }
}
