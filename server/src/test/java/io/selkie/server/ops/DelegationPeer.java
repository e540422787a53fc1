package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsCbOp4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.testing.CompoundReply;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A client that takes delegations and is called back for them. */
final class DelegationPeer {

  private static final int NAME_BYTES_MAX = 256;

  /** A CB_RECALL. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Recall(Stateid4 stateid, boolean truncate, byte[] handle) {}

  /**
   * What OPEN or WANT_DELEGATION answered.
   *
   * @param type OPEN_DELEGATE_*; -1 when the status is not NFS4_OK
   * @param why WND4_*, -1 when there is none
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Given(
      String status,
      Stateid4 open,
      int flags,
      int type,
      Stateid4 stateid,
      boolean recalled,
      int why,
      byte[] handle) {}

  final FileCalls calls;
  final BlockingQueue<Recall> recalls = new LinkedBlockingQueue<>();

  /** Runs for each recall, on a thread of its own. */
  private volatile Consumer<Recall> onRecall = recall -> {};

  /** Writes the values of change and size; null answers CB_GETATTR with NFS4ERR_BADHANDLE. */
  private volatile long[] holds;

  /** What time_deleg_access and time_deleg_modify are said to be, in seconds; 0 says nothing. */
  private volatile long keptSeconds;

  private int minorVersion = 1;

  DelegationPeer(FileCalls calls) {
    this.calls = calls;
    calls.connection().onCallback(this::answer);
  }

  DelegationPeer onRecall(Consumer<Recall> action) {
    onRecall = action;
    return this;
  }

  /** Gives each delegation back when it is asked for. */
  DelegationPeer honest() {
    return onRecall(recall -> giveBack(recall.handle(), recall.stateid()));
  }

  DelegationPeer minorVersion(int version) {
    minorVersion = version;
    return this;
  }

  void holds(long change, long size) {
    holds = new long[] {change, size};
  }

  /** From now on it says that these are the times of the file, when it is asked for them. */
  void keepsTime(long seconds) {
    keptSeconds = seconds;
  }

  Recall nextRecall() throws InterruptedException {
    Recall recall = recalls.poll(60, TimeUnit.SECONDS);
    if (recall == null) {
      throw new AssertionError("no recall came");
    }
    return recall;
  }

  // ---------------------------------------------------------------- calls

  /** OPEN of a name, wishes in the access. */
  Given open(byte[] directory, String name, int access) {
    return open(directory, access, o -> o.int32(0), FileCalls.claimName(name));
  }

  Given open(byte[] current, int access, Consumer<XdrWriter> how, Consumer<XdrWriter> claim) {
    CompoundReply reply;
    synchronized (calls.session()) {
      reply =
          calls
              .connection()
              .call(
                  FileCalls.putFh(current)
                      .apply(calls.session().next(0, false).minorVersion(minorVersion))
                      .op(
                          NfsOp4.OP_OPEN,
                          o -> {
                            o.int32(0);
                            o.int32(access);
                            o.int32(0);
                            o.int64(0);
                            o.opaque("owner".getBytes(UTF_8));
                            how.accept(o);
                            claim.accept(o);
                          })
                      .op(NfsOp4.OP_GETFH));
    }
    reply.sequenceOk();
    String status = reply.next(NfsOp4.OP_PUTFH);
    if (status.equals("NFS4_OK")) {
      status = reply.next(NfsOp4.OP_OPEN);
    }
    if (!status.equals("NFS4_OK")) {
      return new Given(status, null, 0, -1, null, false, -1, null);
    }
    XdrReader in = reply.in();
    Stateid4 open = Stateids.decode(in);
    in.skip(FileOperation.CHANGE_INFO_BYTES);
    int flags = in.int32();
    new Bitmap4().decode(in);
    Given given = decode(in, open, flags);
    if (!reply.next(NfsOp4.OP_GETFH).equals("NFS4_OK")) {
      throw new AssertionError("no filehandle");
    }
    return new Given(
        status,
        open,
        flags,
        given.type(),
        given.stateid(),
        given.recalled(),
        given.why(),
        in.opaque(Nfs4Const.NFS4_FHSIZE));
  }

  private static Given decode(XdrReader in, Stateid4 open, int flags) {
    int type = in.int32();
    Stateid4 stateid = null;
    boolean recalled = false;
    int why = -1;
    switch (type) {
      case OpenConst4.OPEN_DELEGATE_NONE -> {}
      case OpenConst4.OPEN_DELEGATE_NONE_EXT -> {
        why = in.int32();
        if (why == OpenConst4.WND4_CONTENTION || why == OpenConst4.WND4_RESOURCE) {
          in.bool();
        }
      }
      default -> {
        stateid = Stateids.decode(in);
        recalled = in.bool();
        if (type == OpenConst4.OPEN_DELEGATE_WRITE
            || type == OpenConst4.OPEN_DELEGATE_WRITE_ATTRS_DELEG) {
          if (in.int32() != OpenConst4.NFS_LIMIT_BLOCKS) {
            throw new AssertionError("another kind of limit");
          }
          in.int32();
          in.int32();
        }
        in.skip(3 * 4);
        in.opaque(NAME_BYTES_MAX);
      }
    }
    return new Given("NFS4_OK", open, flags, type, stateid, recalled, why, null);
  }

  /** WANT_DELEGATION by filehandle. */
  Given want(byte[] handle, int want) {
    FileCalls.Answer answer =
        calls.on(
            handle,
            NfsOp4.OP_WANT_DELEGATION,
            o -> {
              o.int32(want);
              o.int32(OpenConst4.CLAIM_FH);
            });
    return answer.status().equals("NFS4_OK")
        ? decode(answer.in(), null, 0)
        : new Given(answer.status(), null, 0, -1, null, false, -1, null);
  }

  static Consumer<XdrWriter> claimUnder(Stateid4 delegation) {
    return o -> {
      o.int32(OpenConst4.CLAIM_DELEG_CUR_FH);
      Stateids.encode(o, delegation);
    };
  }

  static Consumer<XdrWriter> claimUnder(Stateid4 delegation, String name) {
    return o -> {
      o.int32(OpenConst4.CLAIM_DELEGATE_CUR);
      Stateids.encode(o, delegation);
      o.opaque(name.getBytes(UTF_8));
    };
  }

  String giveBack(byte[] handle, Stateid4 stateid) {
    return calls.on(handle, NfsOp4.OP_DELEGRETURN, o -> Stateids.encode(o, stateid)).status();
  }

  /** LAYOUTGET of all of the file, under a delegation instead of an open. */
  String layoutUnder(Given held) {
    return calls
        .on(
            held.handle(),
            NfsOp4.OP_LAYOUTGET,
            o -> {
              o.bool(false);
              o.int32(LayoutConst4.LAYOUT4_RDMA);
              o.int32(LayoutConst4.LAYOUTIOMODE4_RW);
              o.int64(0);
              o.int64(-1);
              o.int64(4);
              Stateids.encode(o, held.stateid());
              o.int32(4096);
            })
        .status();
  }

  // ---------------------------------------------------------------- callbacks

  private void answer(XdrReader in, XdrWriter out) {
    in.opaque(NAME_BYTES_MAX);
    in.int32();
    in.int32();
    in.int32();
    in.int32();
    SessionId4 session = SessionId4.decode(in);
    int sequence = in.int32();
    int slot = in.int32();
    int highest = in.int32();
    in.bool();
    int lists = in.int32();
    for (int i = 0; i < lists; i++) {
      SessionId4.decode(in);
      in.skip(8 * in.int32());
    }
    int opcode = in.int32();
    int status = NfsStat4.NFS4_OK;
    if (opcode == NfsCbOp4.OP_CB_RECALL) {
      Recall recall = new Recall(Stateids.decode(in), in.bool(), in.opaque(128));
      recalls.add(recall);
      Thread.ofPlatform().daemon().start(() -> onRecall.accept(recall));
    } else if (holds == null) {
      status = NfsStat4.NFS4ERR_BADHANDLE;
    }
    out.int32(status);
    out.int32(0);
    out.int32(2);
    out.int32(NfsCbOp4.OP_CB_SEQUENCE);
    out.int32(NfsStat4.NFS4_OK);
    session.encode(out);
    out.int32(sequence);
    out.int32(slot);
    out.int32(highest);
    out.int32(highest);
    out.int32(opcode);
    out.int32(status);
    if (opcode == NfsCbOp4.OP_CB_GETATTR && status == NfsStat4.NFS4_OK) {
      in.opaque(128);
      Bitmap4 said = new Bitmap4().decode(in);
      boolean times = said.isSet(FileAttributes.FATTR4_TIME_DELEG_MODIFY) && keptSeconds != 0;
      if (!times) {
        said.unset(FileAttributes.FATTR4_TIME_DELEG_ACCESS)
            .unset(FileAttributes.FATTR4_TIME_DELEG_MODIFY);
      }
      said.encode(out);
      out.int32(times ? 40 : 16);
      out.int64(holds[0]);
      out.int64(holds[1]);
      for (int i = 0; times && i < 2; i++) {
        out.int64(keptSeconds);
        out.int32(0);
      }
    }
  }
}
