package io.selkie.server.ops;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.state.OpenHold;
import io.selkie.server.state.OpenOwner;
import io.selkie.server.vfs.NamespaceChanges;
import io.selkie.server.vfs.VfsFile;
import java.util.Optional;

/**
 * What an OPEN needs so that it cannot be refused any more: a place in the table with its share
 * reservation, and the arbiter's leave. Of a file that is being made both are taken before anybody
 * else can find it: were the OPEN refused afterwards, the client would try again and find a file
 * that is not its own.
 */
final class OpenClaim implements NamespaceChanges.Claim, AutoCloseable {

  private final FileServices services;
  private final CompoundContext c;
  private final OpenArgs args;
  private FileIdentity file;
  private OpenHold hold;
  private ChangePermit.Granted permit;

  /** With a place for a file that is not there yet. */
  OpenClaim(FileServices services, CompoundContext c, OpenArgs args) {
    this.services = services;
    this.c = c;
    this.args = args;
    this.hold =
        services
            .opens()
            .hold(owner(), Optional.empty(), null, args.share(), args.deny(), args.truncates());
  }

  /** With a place for a file that is there. */
  OpenClaim(FileServices services, CompoundContext c, OpenArgs args, VfsFile existing) {
    this.services = services;
    this.c = c;
    this.args = args;
    this.hold = holdOf(existing, args.truncates());
  }

  private OpenHold holdOf(VfsFile existing, boolean truncates) {
    return services
        .opens()
        .hold(
            owner(),
            Optional.of(existing.identity()),
            existing.handleBytes(),
            args.share(),
            args.deny(),
            truncates);
  }

  OpenOwner owner() {
    return new OpenOwner(c.clientId(), args.owner());
  }

  /** The place, or why there is none. */
  OpenHold hold() {
    return hold;
  }

  @Override
  public int on(VfsFile made) {
    hold.close();
    hold = holdOf(made, false);
    if (hold.status() != NfsStat4.NFS4_OK) {
      return hold.status();
    }
    file = made.identity();
    return permit(made) ? NfsStat4.NFS4_OK : NfsStat4.NFS4ERR_DELAY;
  }

  /** Whether the claim was made on this file, and not on one that did not come to be. */
  boolean isOf(VfsFile made) {
    return made.identity().equals(file);
  }

  /**
   * Asks for the arbiter's leave, if there is none yet: who holds a delegation opens the file
   * without asking, and who holds a layout could do what is denied from now on.
   *
   * @return false while holders are asked: NFS4ERR_DELAY
   */
  boolean permit(VfsFile of) {
    if (permit != null) {
      return true;
    }
    FileChange change =
        args.deny() != OpenConst4.OPEN4_SHARE_DENY_NONE
            ? FileChange.CONFLICTING_OPEN
            : args.wantsWrite() ? FileChange.OPEN_WRITE : FileChange.OPEN_READ;
    ChangePermit answer = Leave.ask(services, c, of.identity(), change, Descriptions.WHOLE_FILE);
    if (answer instanceof ChangePermit.Granted granted) {
      permit = granted;
    }
    return permit != null;
  }

  /** Gives the leave back, and the place unless it was used. */
  @Override
  public void close() {
    if (permit != null) {
      permit.close();
      permit = null;
    }
    hold.close();
  }
}
