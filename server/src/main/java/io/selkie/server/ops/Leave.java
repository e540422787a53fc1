package io.selkie.server.ops;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.Found;
import io.selkie.server.vfs.VfsFile;
import java.util.ArrayList;
import java.util.List;

/**
 * Leave of those who hold delegations, for what does not break a kernel lease: names and
 * attributes. Holds as long as it is open; where somebody holds one it is being recalled and there
 * is no leave.
 */
final class Leave implements AutoCloseable {

  /** No client has this id: the server's starts are counted from 1 in its upper half. */
  private static final long NO_CLIENT = 0;

  private final FileServices services;
  private final CompoundContext c;
  private final List<ChangePermit.Granted> permits = new ArrayList<>(2);
  private int status = NfsStat4.NFS4_OK;

  Leave(FileServices services, CompoundContext c) {
    this.services = services;
    this.c = c;
  }

  /** Whether the change may be made; {@link #status} says why not. */
  boolean isGiven() {
    return status == NfsStat4.NFS4_OK;
  }

  /** NFS4_OK, NFS4ERR_DELAY while holders are asked, or what keeps the user from the change. */
  int status() {
    return status;
  }

  /**
   * Asks leave for a change to a file. Where only delegations are in its way, that is noted for
   * {@link Patient}.
   */
  static ChangePermit ask(
      FileServices services,
      CompoundContext c,
      FileIdentity file,
      FileChange change,
      ByteRange range) {
    return ask(services, c, file, change, range, c.clientId());
  }

  /**
   * Asks leave of everybody who holds a delegation, of the client that asks, too: for what a holder
   * would not see of its own.
   */
  static ChangePermit askAllHolders(FileServices services, CompoundContext c, FileIdentity file) {
    return ask(services, c, file, FileChange.METADATA, Descriptions.WHOLE_FILE, NO_CLIENT);
  }

  private static ChangePermit ask(
      FileServices services,
      CompoundContext c,
      FileIdentity file,
      FileChange change,
      ByteRange range,
      long byClientId) {
    ChangePermit permit = services.arbiter().beforeChange(file, change, range, byClientId);
    if (permit instanceof ChangePermit.Delay delay && delay.soon()) {
      c.obstacles().add(file);
    }
    return permit;
  }

  /** Asks for a file. */
  Leave of(VfsFile file, FileChange change) {
    FileChange asked =
        change == FileChange.READ && services.isBypassed(file.identity())
            ? FileChange.READ_STORED
            : change;
    ChangePermit permit = ask(services, c, file.identity(), asked, Descriptions.WHOLE_FILE);
    if (permit instanceof ChangePermit.Granted granted) {
      permits.add(granted);
    } else {
      status = NfsStat4.NFS4ERR_DELAY;
    }
    return this;
  }

  /**
   * Asks for whatever has a name that is to be taken away, if the user may do that; what has none,
   * or cannot be found, is in nobody's way.
   */
  Leave ofNamed(VfsFile directory, byte[] name) {
    if (!services.arbiter().delegations().wereEverGiven()) {
      // Spares nearly everybody a look. Who is given the very first one at this moment may miss
      // this change, as if it had come before.
      return this;
    }
    if (status != NfsStat4.NFS4_OK && status != NfsStat4.NFS4ERR_DELAY) {
      return this;
    }
    Found found = services.fs().lookup(directory, name);
    if (found.status() != NfsStat4.NFS4_OK) {
      return this;
    }
    int may = Rights.mayRemove(services, directory, found.file());
    if (may != NfsStat4.NFS4_OK) {
      status = may;
      return this;
    }
    return of(found.file(), FileChange.METADATA);
  }

  @Override
  public void close() {
    permits.forEach(ChangePermit.Granted::close);
  }
}
