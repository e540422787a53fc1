package io.selkie.server.http;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.server.admin.AdminService;
import io.selkie.server.admin.ServerControl;
import io.selkie.server.metrics.ServerMetrics;
import java.time.InstantSource;

/**
 * What is shown and changed over HTTP.
 *
 * @param wall the time of day, by which certificates are valid
 * @param uid the user that the server runs as, whose the secret files have to be
 */
public record HttpParts(
    AdminService service,
    ServerControl control,
    ServerMetrics metrics,
    NanoClock clock,
    InstantSource wall,
    Timers timers,
    int uid) {}
