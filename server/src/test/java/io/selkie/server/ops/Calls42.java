package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Opened;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** One client's calls of NFSv4.2, each in a compound of its own. */
record Calls42(FileCalls client) {

  /** One operation on a file, in a compound of minor version 2. */
  Answer on(byte[] handle, int opcode, Consumer<XdrWriter> arguments) {
    return client.call(
        c -> FileCalls.putFh(handle).apply(c.minorVersion(2)).op(opcode, arguments),
        NfsOp4.OP_PUTFH,
        opcode);
  }

  /** How NFSv4.1 answers an operation that it does not have. */
  String inNfs41(byte[] handle, int opcode) {
    return client
        .call(c -> FileCalls.putFh(handle).apply(c).op(opcode), NfsOp4.OP_PUTFH, NfsOp4.OP_ILLEGAL)
        .status();
  }

  /** One operation on a source, saved, and a target, current. */
  Answer onTwo(byte[] source, byte[] target, int opcode, Consumer<XdrWriter> arguments) {
    return client.call(
        c ->
            FileCalls.putFh(target)
                .apply(FileCalls.putFh(source).apply(c.minorVersion(2)).op(NfsOp4.OP_SAVEFH))
                .op(opcode, arguments),
        NfsOp4.OP_PUTFH,
        NfsOp4.OP_SAVEFH,
        NfsOp4.OP_PUTFH,
        opcode);
  }

  private static Consumer<XdrWriter> range(Stateid4 stateid, long offset, long length) {
    return o -> {
      Stateids.encode(o, stateid);
      o.int64(offset);
      o.int64(length);
    };
  }

  String allocate(byte[] handle, Stateid4 stateid, long offset, long length) {
    return on(handle, NfsOp4.OP_ALLOCATE, range(stateid, offset, length)).status();
  }

  String deallocate(byte[] handle, Stateid4 stateid, long offset, long length) {
    return on(handle, NfsOp4.OP_DEALLOCATE, range(stateid, offset, length)).status();
  }

  /** What SEEK answered. */
  record Sought(String status, boolean eof, long offset) {}

  Sought seek(byte[] handle, Stateid4 stateid, long offset, int what) {
    Answer answer =
        on(
            handle,
            NfsOp4.OP_SEEK,
            o -> {
              Stateids.encode(o, stateid);
              o.int64(offset);
              o.int32(what);
            });
    return answer.status().equals("NFS4_OK")
        ? new Sought(answer.status(), answer.in().bool(), answer.in().int64())
        : new Sought(answer.status(), false, -1);
  }

  /** A part of what READ_PLUS answered; no bytes for a hole. */
  @SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
  record Segment(boolean hole, long offset, long length, byte[] bytes) {}

  /** What READ_PLUS answered. */
  record Segments(String status, boolean eof, List<Segment> all) {}

  Segments readPlus(byte[] handle, Stateid4 stateid, long offset, int count) {
    Answer answer =
        on(
            handle,
            NfsOp4.OP_READ_PLUS,
            o -> {
              Stateids.encode(o, stateid);
              o.int64(offset);
              o.int32(count);
            });
    List<Segment> all = new ArrayList<>();
    if (!answer.status().equals("NFS4_OK")) {
      return new Segments(answer.status(), false, all);
    }
    XdrReader in = answer.in();
    boolean eof = in.bool();
    int segments = in.int32();
    for (int i = 0; i < segments; i++) {
      boolean hole = in.int32() == 1;
      long at = in.int64();
      if (hole) {
        all.add(new Segment(true, at, in.int64(), null));
      } else {
        byte[] bytes = in.opaque(1 << 24);
        all.add(new Segment(false, at, bytes.length, bytes));
      }
    }
    return new Segments(answer.status(), eof, all);
  }

  // ---------------------------------------------------------------- copies

  /** What is copied; a count of 0 reaches to the end. */
  record Range(long from, long to, long count) {
    static final Range ALL = new Range(0, 0, 0);
  }

  String cloneRange(Opened source, Opened target, Range range) {
    return onTwo(
            source.handle(),
            target.handle(),
            NfsOp4.OP_CLONE,
            o -> {
              Stateids.encode(o, source.stateid());
              Stateids.encode(o, target.stateid());
              o.int64(range.from());
              o.int64(range.to());
              o.int64(range.count());
            })
        .status();
  }

  /** What COPY answered; no stateid when it is done. */
  record Copied(String status, Stateid4 stateid, long count, long verifier, boolean synchronous) {}

  Copied copy(Opened source, Opened target, Range range, boolean synchronous, int servers) {
    Answer answer =
        onTwo(
            source.handle(),
            target.handle(),
            NfsOp4.OP_COPY,
            o -> {
              Stateids.encode(o, source.stateid());
              Stateids.encode(o, target.stateid());
              o.int64(range.from());
              o.int64(range.to());
              o.int64(range.count());
              o.bool(true);
              o.bool(synchronous);
              o.int32(servers);
              for (int i = 0; i < servers; i++) {
                o.int32(3);
                o.opaque("tcp".getBytes(UTF_8));
                o.opaque("192.0.2.1.8.1".getBytes(UTF_8));
              }
            });
    if (!answer.status().equals("NFS4_OK")) {
      return new Copied(answer.status(), null, -1, 0, false);
    }
    XdrReader in = answer.in();
    Stateid4 stateid = in.int32() == 1 ? Stateids.decode(in) : null;
    long count = in.int64();
    if (in.int32() != Nfs4Const.UNSTABLE4) {
      throw new AssertionError("COPY says it is durable");
    }
    long verifier = in.int64();
    if (!in.bool()) {
      throw new AssertionError("COPY says it is not consecutive");
    }
    return new Copied(answer.status(), stateid, count, verifier, in.bool());
  }

  /** What OFFLOAD_STATUS answered; the result is empty while it runs. */
  record Progress(String status, long count, String result) {}

  Progress offloadStatus(byte[] target, Stateid4 stateid) {
    Answer answer = on(target, NfsOp4.OP_OFFLOAD_STATUS, o -> Stateids.encode(o, stateid));
    if (!answer.status().equals("NFS4_OK")) {
      return new Progress(answer.status(), -1, "");
    }
    long count = answer.in().int64();
    String result = answer.in().int32() == 1 ? NfsStat4.name(answer.in().int32()) : "";
    return new Progress(answer.status(), count, result);
  }

  String offloadCancel(byte[] target, Stateid4 stateid) {
    return on(target, NfsOp4.OP_OFFLOAD_CANCEL, o -> Stateids.encode(o, stateid)).status();
  }

  // ---------------------------------------------------------------- extended attributes

  static final int EITHER = 0;
  static final int CREATE = 1;
  static final int REPLACE = 2;

  String setXattr(byte[] handle, int option, String key, byte[] value) {
    return on(
            handle,
            NfsOp4.OP_SETXATTR,
            o -> {
              o.int32(option);
              o.opaque(key.getBytes(UTF_8));
              o.opaque(value);
            })
        .status();
  }

  Answer getXattr(byte[] handle, String key) {
    return on(handle, NfsOp4.OP_GETXATTR, FileCalls.name(key));
  }

  String removeXattr(byte[] handle, String key) {
    return on(handle, NfsOp4.OP_REMOVEXATTR, FileCalls.name(key)).status();
  }

  /** What LISTXATTRS answered. */
  record Listed(String status, long cookie, List<String> keys, boolean eof) {}

  Listed listXattrs(byte[] handle, long cookie, int maxCount) {
    Answer answer =
        on(
            handle,
            NfsOp4.OP_LISTXATTRS,
            o -> {
              o.int64(cookie);
              o.int32(maxCount);
            });
    if (!answer.status().equals("NFS4_OK")) {
      return new Listed(answer.status(), -1, List.of(), false);
    }
    XdrReader in = answer.in();
    long next = in.int64();
    List<String> keys = new ArrayList<>();
    int count = in.int32();
    for (int i = 0; i < count; i++) {
      keys.add(new String(in.opaque(255), UTF_8));
    }
    return new Listed(answer.status(), next, keys, in.bool());
  }
}
