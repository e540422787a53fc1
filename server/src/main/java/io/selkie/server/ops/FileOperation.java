package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the operations of this package have in common. Stateless but for its services. */
abstract class FileOperation implements Operation {

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

  /** A stage that an operation waited for failed, which is a defect: said once, and answered. */
  final int failed(CompoundContext c, Throwable failure) {
    LOG.error("{} failed in {}", name(), c, failure);
    return NfsStat4.NFS4ERR_SERVERFAULT;
  }
}
