package io.selkie.client.layout;

import io.selkie.client.ClientCounters;
import io.selkie.client.nfs.LayoutCalls;
import io.selkie.client.session.Nfs41Session;
import io.selkie.config.time.NanoClock;
import java.time.InstantSource;

/**
 * What all layouts of a client share.
 *
 * @param session for deadlines and pauses
 * @param calls the pNFS operations
 * @param devices queue pairs
 * @param clock monotonic time
 * @param wallClock stamps LAYOUTCOMMIT
 * @param counters where to count
 * @param drainNanos how long I/O in flight may hold up a return before its queue pair is broken
 * @param retryNanos how long a refusal that may pass is believed
 */
public record LayoutContext(
    Nfs41Session session,
    LayoutCalls calls,
    Devices devices,
    NanoClock clock,
    InstantSource wallClock,
    ClientCounters counters,
    long drainNanos,
    long retryNanos) {}
