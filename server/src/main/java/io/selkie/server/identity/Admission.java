package io.selkie.server.identity;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.identity.ExportAccess.Grant;
import io.selkie.server.vfs.Export;
import java.net.SocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Which client may come near which export. Safe for use by several threads; the rules of an export
 * may be replaced while requests run, which then go by the one or the other.
 */
public final class Admission {

  private record Rules(Map<String, ExportAccess> byName, int version) {}

  private volatile Rules rules;

  /**
   * With rules.
   *
   * @param byName of each export, by its name; one without has none to see it
   */
  public Admission(Map<String, ExportAccess> byName) {
    this.rules = new Rules(Map.copyOf(byName), 0);
  }

  /** Replaces all rules. */
  public synchronized void replace(Map<String, ExportAccess> newByName) {
    rules = new Rules(Map.copyOf(newByName), rules.version + 1);
  }

  /** Another number whenever the rules are others. */
  int version() {
    return rules.version;
  }

  /** What a client may do with an export; empty when it is not for it. */
  public Optional<Grant> of(SocketAddress client, Export export) {
    ExportAccess access = rules.byName.get(export.name());
    return access == null ? Optional.empty() : access.of(client);
  }

  /** Whether the client of a request sees an export. */
  public boolean isVisible(CompoundContext c, Export export) {
    return of(c.connection().remoteAddress(), export).isPresent();
  }

  /**
   * Whether a request may enter an export by a filehandle.
   *
   * @return NFS4_OK, NFS4ERR_STALE for whom it is not there, or NFS4ERR_WRONGSEC
   */
  public int enter(CompoundContext c, Export export) {
    Optional<Grant> grant = of(c.connection().remoteAddress(), export);
    if (grant.isEmpty()) {
      return NfsStat4.NFS4ERR_STALE;
    }
    return grant.get().allows(c.flavor()) ? NfsStat4.NFS4_OK : NfsStat4.NFS4ERR_WRONGSEC;
  }

  /** The flavors that are good in an export, or anywhere for the directories above all exports. */
  public List<Integer> flavors(CompoundContext c, Optional<Export> export) {
    SocketAddress client = c.connection().remoteAddress();
    if (export.isPresent()) {
      return of(client, export.get()).map(Grant::flavors).orElse(List.of());
    }
    TreeSet<Integer> all = new TreeSet<>((a, b) -> Integer.compare(b, a));
    rules
        .byName
        .values()
        .forEach(access -> access.of(client).ifPresent(g -> all.addAll(g.flavors())));
    return List.copyOf(all);
  }
}
