package io.selkie.server.ops;

import io.selkie.posix.Names;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import io.selkie.server.vfs.ChangeInfo;
import io.selkie.server.vfs.Found;
import io.selkie.server.vfs.VfsFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the operations of this package have in common. Stateless but for its services. */
abstract class FileOperation implements Operation {

  /** Encoded size of change_info4. */
  static final int CHANGE_INFO_BYTES = 4 + 8 + 8;

  private static final Logger LOG = LoggerFactory.getLogger(FileOperation.class);

  /** What the operation works with. */
  protected final FileServices services;

  private final int opcode;

  FileOperation(FileServices services, int opcode) {
    this.services = services;
    this.opcode = opcode;
  }

  @Override
  public final int opcode() {
    return opcode;
  }

  /** A component4. One that is too long for any file system is read all the same, and refused. */
  static byte[] readName(CompoundContext c) {
    return c.args().opaque(Names.PATH_MAX_BYTES);
  }

  /** Looks a name up for the caller. */
  final Found find(CompoundContext c, VfsFile directory, byte[] name) {
    return services
        .fs()
        .lookup(directory, name, export -> services.admission().isVisible(c, export));
  }

  /** NFS4_OK, or NFS4ERR_WRONGSEC where one comes into an export that wants another flavor. */
  final int crossing(CompoundContext c, VfsFile from, VfsFile to) {
    return to.export().isEmpty() || to.export().equals(from.export())
        ? NfsStat4.NFS4_OK
        : services.admission().enter(c, to.export().get());
  }

  /** A stage that an operation waited for failed, which is a defect: said once, and answered. */
  final int failed(CompoundContext c, Throwable failure) {
    LOG.error("{} failed in {}", name(), c, failure);
    return NfsStat4.NFS4ERR_SERVERFAULT;
  }

  /** Writes change_info4; never atomic, since other processes may come between. */
  static void encode(XdrWriter out, ChangeInfo change) {
    out.bool(false);
    out.int64(change.before());
    out.int64(change.after());
  }
}
