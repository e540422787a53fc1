package io.selkie.lease;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.posix.CacheLines;
import io.selkie.posix.Kernel;
import java.util.function.Supplier;

/** What all seals of one server share. */
record SealContext(
    Kernel kernel,
    CacheLines cacheLines,
    NanoClock clock,
    Timers timers,
    LeaseKeeper keeper,
    Supplier<LeaseDeadlines> deadlines,
    SealAuditor auditor,
    LeaseEvents events) {}
