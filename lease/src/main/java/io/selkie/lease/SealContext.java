package io.selkie.lease;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.posix.CacheLines;
import io.selkie.posix.Kernel;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * What all seals of one server share.
 *
 * @param cacheLines writes real memory back; empty where there is none or no way to
 */
record SealContext(
    Kernel kernel,
    Optional<CacheLines> cacheLines,
    NanoClock clock,
    Timers timers,
    LeaseKeeper keeper,
    Supplier<LeaseDeadlines> deadlines,
    SealAuditor auditor,
    Supplier<DescriptorKeeper> descriptors,
    LeaseEvents events) {}
