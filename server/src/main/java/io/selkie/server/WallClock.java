package io.selkie.server;

import java.time.Instant;
import java.time.InstantSource;

/** The time of day, for what people and clients read; never for measuring. */
public final class WallClock implements InstantSource {

  /** The machine's. */
  public WallClock() {}

  @Override
  public Instant instant() {
    return Instant.now();
  }
}
