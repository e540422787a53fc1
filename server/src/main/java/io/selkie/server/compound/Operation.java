package io.selkie.server.compound;

import io.selkie.protocol.nfs4.NfsOp4;
import java.nio.ByteBuffer;

/**
 * One NFSv4 operation. An implementation is stateless towards its requests: everything that belongs
 * to one of them is in the {@link CompoundContext}, so one instance serves all connections and
 * threads.
 *
 * <p><b>Arguments and results.</b> {@link #execute} reads its arguments from {@link
 * CompoundContext#args} to the end, also when it is going to fail, and writes the result <i>after
 * its status word</i> to {@link CompoundContext#reply}. The engine writes opcode and status. When
 * the status is not NFS4_OK the engine takes back whatever was written, because almost every result
 * is void then; where the RFC wants a body with an error, start it with {@link
 * CompoundContext#errorBody}. Malformed arguments need no care: the reader throws, and the engine
 * answers NFS4ERR_BADXDR. A result that does not fit makes the writer throw, and the engine answers
 * NFS4ERR_REP_TOO_BIG or NFS4ERR_REP_TOO_BIG_TO_CACHE; so an operation that changes something must
 * know <i>before</i> it does so that its result fits: see {@link #replyBytesMax}.
 *
 * <p><b>Waiting.</b> An operation never blocks on a peer and never sleeps. It returns {@code
 * c.suspend(stage, continuation)}: the thread goes back to work, no lock is held, and the
 * continuation runs on a worker when the stage is complete.
 */
public interface Operation {

  /** Returned by {@link CompoundContext#suspend}: the status comes later. */
  int SUSPENDED = -1;

  /** Returned by SEQUENCE after {@link CompoundContext#replay}: the whole reply is written. */
  int REPLAYED = -2;

  /** What an operation needs from the thread it runs on. */
  enum Cost {
    /** Works in memory only, for microseconds: may run on an event loop. */
    MEMORY,
    /** May enter the file system: runs on a worker. */
    BLOCKING
  }

  /** Where an operation may stand in a compound (RFC 8881 sections 2.10.6 and 18.46.3). */
  enum Position {
    /** Only after a SEQUENCE that leads the compound. */
    IN_SESSION,
    /** Only first: SEQUENCE itself. */
    FIRST,
    /** After a leading SEQUENCE, or else as the compound's only operation. */
    IN_SESSION_OR_ALONE,
    /** Only alone: BIND_CONN_TO_SESSION. */
    ALONE
  }

  /** The operation's number, from {@link NfsOp4}. */
  int opcode();

  /**
   * Executes the operation. Throws nothing on purpose but {@link
   * io.selkie.protocol.xdr.XdrException}; any other exception or error is logged as a defect and
   * answered with NFS4ERR_SERVERFAULT.
   *
   * @return an nfsstat4, or what {@link CompoundContext#suspend} returned
   */
  int execute(CompoundContext c);

  /** Which thread may run it; asked anew for every execution. */
  default Cost cost() {
    return Cost.BLOCKING;
  }

  /**
   * Whether it only gives back what others may be waiting for, without waiting for a disk. Such
   * compounds have workers of their own: when all others are stuck, what would free them, or keep
   * its sender from being fenced, still gets through.
   */
  default boolean givesBack() {
    return false;
  }

  /**
   * Whether it gives back what may have to be closed then, which can last as long as the disk does:
   * these have workers of their own, so that others can give back what they are asked for even
   * where files cannot be closed.
   */
  default boolean closes() {
    return false;
  }

  /**
   * Whether it can be done among what gives something back, because for the current file it waits
   * for no disk.
   */
  default boolean followsGivingBack(CompoundContext c) {
    return false;
  }

  /**
   * Whether all it wants of the current file is which place it is in: the PUTFH before it need not
   * look at the file then. A guess like {@link #waitsForDisk}.
   *
   * @param request holds the operation's arguments
   * @param at where these begin
   */
  default boolean needsPlaceOnly(ByteBuffer request, int at) {
    return false;
  }

  /**
   * Whether it waits for the disk in any case, as what makes something durable does. Such
   * operations have workers of their own, so that what memory can answer need not wait behind them.
   * A guess about the lane and nothing else, made on an event loop: what is malformed is for {@link
   * #execute} to refuse.
   *
   * @param request holds the operation's arguments
   * @param at where these begin
   */
  default boolean waitsForDisk(ByteBuffer request, int at) {
    return false;
  }

  /** Where it may stand. */
  default Position position() {
    return Position.IN_SESSION;
  }

  /**
   * The largest result, in bytes, of an operation that changes something; the engine does not
   * execute it unless so much room is left in the reply. 0 for operations that may fail after the
   * fact because they change nothing.
   */
  default int replyBytesMax() {
    return 0;
  }

  /** The name as the RFC spells it. */
  default String name() {
    return NfsOp4.name(opcode());
  }
}
