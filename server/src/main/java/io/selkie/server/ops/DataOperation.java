package io.selkie.server.ops;

import io.selkie.layout.DelegationArbiter;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.state.LockTable;
import io.selkie.server.state.OpenState;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Optional;

/** What READ, WRITE, COMMIT and SETATTR of a size share: stateids, rights, descriptions. */
abstract class DataOperation extends FileOperation {

  DataOperation(FileServices services, int opcode) {
    super(services, opcode);
  }

  /**
   * The stateid meant, with its latest seqid where it stands for the current one (RFC 8881 section
   * 8.2.3); null for NFS4ERR_BAD_STATEID.
   */
  static Stateid4 resolve(CompoundContext c, Stateid4 stateid) {
    Stateid4 resolved = c.resolve(stateid);
    return resolved == null || resolved.equals(stateid) ? resolved : resolved.withSeqid(0);
  }

  /**
   * Checks that the caller may read or write by a stateid: the stateid itself, then the caller's
   * rights, unless it is the user who opened the file.
   */
  final int mayDoIo(CompoundContext c, VfsFile file, Stateid4 stateid, boolean write) {
    if (stateid == null) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    if (LockTable.isLockStateid(stateid)) {
      int checked = services.locks().check(c.clientId(), stateid, file.identity());
      return checked == NfsStat4.NFS4_OK
          ? mayDoIo(c, file, services.locks().openOf(stateid), write)
          : checked;
    }
    if (Stateids.isSpecial(stateid)) {
      int admitted = services.grace().admitWithoutOpen(write);
      if (admitted != NfsStat4.NFS4_OK) {
        return admitted;
      }
    }
    DelegationArbiter delegations = services.arbiter().delegations();
    int status =
        delegations.isDelegationStateid(stateid)
            ? delegations.checkIo(c.clientId(), stateid, file.identity(), write)
            : services.opens().checkIo(c.clientId(), stateid, file.identity(), write);
    if (status == NfsStat4.NFS4ERR_LOCKED && services.courtesy().giveWay(file.identity())) {
      return NfsStat4.NFS4ERR_DELAY;
    }
    if (status != NfsStat4.NFS4_OK || services.kernel().mayAll()) {
      return status;
    }
    OpenState state = Stateids.isSpecial(stateid) ? null : services.opens().find(stateid);
    if (state != null
        && state.isOpenedBy(c.credential().uid())
        && (write ? state.writable() : state.readable())) {
      return NfsStat4.NFS4_OK;
    }
    return services.mayGoOn(file, !write, write);
  }

  /**
   * Whether a read needs leave of its own: nobody has asked for an open, which would have taken a
   * write delegation back; or the page cache may be of before clients wrote.
   */
  final boolean asksLeave(VfsFile file, Stateid4 stateid) {
    return Stateids.isSpecial(stateid) || services.isBypassed(file.identity());
  }

  /** The file's description: the one that is there, or else a new one. */
  final Descriptions.Opened description(CompoundContext c, VfsFile file, boolean write) {
    return description(services, c, file, write);
  }

  /** The same, for others. */
  static Descriptions.Opened description(
      FileServices services, CompoundContext c, VfsFile file, boolean write) {
    Optional<OpenFile> open = services.files().find(file.identity());
    if (open.isPresent()) {
      if (!write || open.get().writable()) {
        return new Descriptions.Opened(NfsStat4.NFS4_OK, open.get());
      }
      open.get().release();
    }
    return Descriptions.open(services, file, write, c);
  }

  /** What NFSv4.2's operations say of anything that is no regular file (RFC 7862, 15.1.3). */
  static int notRegular(int status) {
    return status == NfsStat4.NFS4ERR_ISDIR || status == NfsStat4.NFS4ERR_SYMLINK
        ? NfsStat4.NFS4ERR_WRONG_TYPE
        : status;
  }

  /** Ends an opaque whose bytes were put into the buffer, with the zeroes that XDR wants. */
  static void pad(XdrWriter out, int dataAt, int length) {
    for (int i = dataAt + length; i < dataAt + Xdr.padded(length); i++) {
      out.buffer().put(i, (byte) 0);
    }
    out.position(dataAt + Xdr.padded(length));
  }

  /** So many bytes of a buffer as the kernel takes them: requests and replies are off the heap. */
  static MemorySegment memory(ByteBuffer buffer, int position, int length) {
    if (!buffer.isDirect()) {
      throw new IllegalStateException("data in a buffer on the heap would have to be copied");
    }
    return MemorySegment.ofBuffer(buffer.slice(position, length));
  }
}
