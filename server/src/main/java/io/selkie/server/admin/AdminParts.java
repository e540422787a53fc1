package io.selkie.server.admin;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.LayoutArbiter;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.server.recovery.Recovery;
import io.selkie.server.session.SessionManager;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenTable;

/**
 * What administrators look at and change.
 *
 * @param control the server as a whole
 * @param maps block maps of open files
 */
public record AdminParts(
    ServerControl control,
    SessionManager sessions,
    OpenTable opens,
    LockTable locks,
    LayoutArbiter arbiter,
    Recovery recovery,
    ServerMetrics metrics,
    NanoClock clock,
    FileMaps maps) {}
