package io.selkie.config;

import java.util.Optional;

/**
 * The diagnostics listener: a bare TCP echo in the server's own process, to compare with, and the
 * server's counters. It asks nobody who they are, so it is off unless an address is given.
 *
 * @param listen where; nothing means off
 */
public record DiagnosticsConfig(@Setting(Setting.NOTHING) Optional<HostPort> listen) {}
