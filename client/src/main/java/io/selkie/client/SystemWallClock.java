package io.selkie.client;

import java.time.Instant;
import java.time.InstantSource;

/** The system's wall clock: the one place of this module that asks it. */
final class SystemWallClock implements InstantSource {
  @Override
  public Instant instant() {
    return Instant.now();
  }
}
