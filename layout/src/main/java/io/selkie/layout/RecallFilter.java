package io.selkie.layout;

import io.selkie.lease.FileIdentity;
import java.util.Optional;
import java.util.OptionalLong;

/** Names layouts by any of client, file and device; empty means any. */
public record RecallFilter(
    OptionalLong clientId, Optional<FileIdentity> file, OptionalLong device) {}
