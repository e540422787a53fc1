package io.selkie.server.state;

import io.selkie.lease.FileIdentity;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What one client has open. Used under {@link OpenTable}'s lock. */
final class ClientOpens {
  final Map<FileIdentity, FileShares> opensOfFile = new HashMap<>();
  final List<OpenState> revoked = new ArrayList<>();
  final Map<Long, OpenState> all = new HashMap<>();
}
