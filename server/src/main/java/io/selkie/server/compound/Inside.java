package io.selkie.server.compound;

import io.selkie.protocol.nfs4.NfsOp4;

/**
 * The files that an operation works on, entered before it begins and left when it is over, however
 * that comes about. Who takes an export away counts on it: what has begun is counted, and what is
 * not counted cannot begin any more.
 */
final class Inside {

  private Inside() {}

  /** Enters what the operation that is next needs; false when something of it is gone. */
  static boolean enter(CompoundContext c) {
    EngineState s = c.state();
    Operation operation = s.operation;
    if (operation instanceof Refusal
        || operation.cost() != Operation.Cost.BLOCKING
        || operation.opcode() == NfsOp4.OP_PUTFH
        || operation.opcode() == NfsOp4.OP_PUTROOTFH
        || operation.opcode() == NfsOp4.OP_PUTPUBFH) {
      // They work on no file, or on another one than the current one.
      return true;
    }
    CurrentFile file = c.currentFile();
    if (file != null) {
      if (!file.enter()) {
        return false;
      }
      s.inside = file;
    }
    CurrentFile saved = usesSavedFile(operation.opcode()) ? c.savedFile() : null;
    if (saved != null) {
      if (!saved.enter()) {
        leave(s);
        return false;
      }
      s.insideSaved = saved;
    }
    return true;
  }

  private static boolean usesSavedFile(int opcode) {
    return switch (opcode) {
      case NfsOp4.OP_COPY, NfsOp4.OP_CLONE, NfsOp4.OP_RENAME, NfsOp4.OP_LINK -> true;
      default -> false;
    };
  }

  /** Leaves what was entered, if anything was. */
  static void leave(EngineState s) {
    CurrentFile file = s.inside;
    CurrentFile saved = s.insideSaved;
    s.inside = null;
    s.insideSaved = null;
    if (file != null) {
      file.leave();
    }
    if (saved != null) {
      saved.leave();
    }
  }
}
