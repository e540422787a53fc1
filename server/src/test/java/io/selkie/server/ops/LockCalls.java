package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.protocol.nfs4.LockArgs4;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;

/** One client's calls on byte-range locks of one file. */
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record LockCalls(FileCalls calls, byte[] handle) {

  /** How it was answered: with a stateid, or with who is in the way. */
  record Answer(String status, Stateid4 stateid, LockArgs4.Denied denied) {}

  static LockOwner4 owner(String name) {
    // What it says of the client does not count.
    return new LockOwner4(4711, name.getBytes(UTF_8));
  }

  /** LOCK by an owner new to the open. */
  Answer lock(Stateid4 open, String owner, int type, long offset, long length) {
    return lock(new LockArgs4.Lock(type, false, offset, length, open, owner(owner)));
  }

  /** LOCK by an owner that has locked something. */
  Answer lock(Stateid4 locks, int type, long offset, long length) {
    return lock(new LockArgs4.Lock(type, false, offset, length, locks, null));
  }

  Answer lock(LockArgs4.Lock args) {
    return answer(calls.on(handle, NfsOp4.OP_LOCK, args::encode));
  }

  Answer test(String owner, int type, long offset, long length) {
    LockArgs4.Test args = new LockArgs4.Test(type, offset, length, owner(owner));
    FileCalls.Answer answer = calls.on(handle, NfsOp4.OP_LOCKT, args::encode);
    return answer.status().equals("NFS4_OK")
        ? new Answer(answer.status(), null, null)
        : answer(answer);
  }

  Answer unlock(Stateid4 locks, long offset, long length) {
    LockArgs4.Unlock args = new LockArgs4.Unlock(1, locks, offset, length);
    return answer(calls.on(handle, NfsOp4.OP_LOCKU, args::encode));
  }

  String free(Stateid4 stateid) {
    return calls
        .call(
            c -> c.op(NfsOp4.OP_FREE_STATEID, o -> Stateids.encode(o, stateid)),
            NfsOp4.OP_FREE_STATEID)
        .status();
  }

  /** What TEST_STATEID says, as a number. */
  int testStateid(Stateid4 stateid) {
    FileCalls.Answer answer =
        calls.call(
            c ->
                c.op(
                    NfsOp4.OP_TEST_STATEID,
                    o -> {
                      o.int32(1);
                      Stateids.encode(o, stateid);
                    }),
            NfsOp4.OP_TEST_STATEID);
    answer.in().int32();
    return answer.in().int32();
  }

  private static Answer answer(FileCalls.Answer answer) {
    return switch (answer.status()) {
      case "NFS4_OK" -> new Answer(answer.status(), Stateids.decode(answer.in()), null);
      case "NFS4ERR_DENIED" ->
          new Answer(answer.status(), null, LockArgs4.Denied.decode(answer.in()));
      default -> new Answer(answer.status(), null, null);
    };
  }
}
