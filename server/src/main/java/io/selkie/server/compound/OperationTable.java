package io.selkie.server.compound;

import io.selkie.protocol.nfs4.NfsOp4;
import java.util.Collection;
import java.util.List;

/**
 * The operations this server implements, by number. Immutable, so safe for use by several threads.
 *
 * <p>Which of them a minor version has is the protocol's business ({@link NfsOp4#isDefined}), so an
 * operation of NFSv4.2 is illegal in a compound of NFSv4.1 without anyone having to say so.
 */
public final class OperationTable {

  /** The lowest minor version served. */
  public static final int MINOR_VERSION_MIN = 1;

  /** The highest minor version served. */
  public static final int MINOR_VERSION_MAX = 2;

  private final Operation[] operations;

  private OperationTable(Collection<? extends Operation> list) {
    operations = new Operation[NfsOp4.highest(MINOR_VERSION_MAX) + 1];
    for (Operation operation : list) {
      int opcode = operation.opcode();
      if (!NfsOp4.isDefined(MINOR_VERSION_MAX, opcode)) {
        throw new IllegalArgumentException(
            operation.getClass().getName() + ": no minor version has operation " + opcode);
      }
      if (operations[opcode] != null) {
        throw new IllegalArgumentException(
            "%s is implemented twice: by %s and by %s"
                .formatted(
                    NfsOp4.name(opcode),
                    operations[opcode].getClass().getName(),
                    operation.getClass().getName()));
      }
      operations[opcode] = operation;
    }
  }

  /** Returns a table of these operations; the same number twice is an error. */
  public static OperationTable of(Operation... operations) {
    return new OperationTable(List.of(operations));
  }

  /** Returns a table of these operations; the same number twice is an error. */
  public static OperationTable of(Collection<? extends Operation> operations) {
    return new OperationTable(operations);
  }

  /** Returns whether the minor version is served. */
  public static boolean isServed(int minorVersion) {
    return minorVersion >= MINOR_VERSION_MIN && minorVersion <= MINOR_VERSION_MAX;
  }

  /**
   * Returns the operation, or one of two that only refuse: with NFS4ERR_OP_ILLEGAL what the minor
   * version does not define, with NFS4ERR_NOTSUPP what it defines and this server does not
   * implement, the operations of NFSv4.0 that later versions must not implement among them.
   */
  public Operation lookup(int minorVersion, int opcode) {
    if (!NfsOp4.isDefined(minorVersion, opcode)) {
      return Refusal.ILLEGAL;
    }
    Operation operation = operations[opcode];
    return operation != null ? operation : Refusal.NOT_SUPPORTED;
  }
}
