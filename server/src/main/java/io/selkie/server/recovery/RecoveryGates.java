package io.selkie.server.recovery;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.Around;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.util.List;

/** What recovery has to say before operations that need not know of it. */
public final class RecoveryGates {

  private RecoveryGates() {}

  /** Puts the gates around those of the operations that they are for. */
  public static List<Operation> around(List<Operation> operations, Recovery recovery) {
    return operations.stream().map(operation -> around(operation, recovery)).toList();
  }

  private static Operation around(Operation operation, Recovery recovery) {
    return switch (operation.opcode()) {
      case NfsOp4.OP_OPEN, NfsOp4.OP_WANT_DELEGATION -> new RecordFirst(operation, recovery);
      case NfsOp4.OP_REMOVE, NfsOp4.OP_RENAME, NfsOp4.OP_LINK ->
          new AfterGrace(operation, recovery);
      default -> operation;
    };
  }

  /**
   * Not in the grace period, when whoever has the file open, or delegated, may not have said so yet
   * (RFC 8881 section 8.4.2.1).
   */
  private static final class AfterGrace extends Around {
    private final Recovery recovery;

    AfterGrace(Operation operation, Recovery recovery) {
      super(operation);
      this.recovery = recovery;
    }

    @Override
    public int execute(CompoundContext c) {
      return recovery.inGrace() ? NfsStat4.NFS4ERR_GRACE : operation.execute(c);
    }
  }
}
