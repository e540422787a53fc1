package io.selkie.server.http;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.server.admin.AdminService;
import io.selkie.server.admin.ServerControl;
import io.selkie.server.metrics.ServerMetrics;

/**
 * What is shown and changed over HTTP.
 *
 * @param uid the user that the server runs as, whose the secret files have to be
 */
public record HttpParts(
    AdminService service,
    ServerControl control,
    ServerMetrics metrics,
    NanoClock clock,
    Timers timers,
    int uid) {}
