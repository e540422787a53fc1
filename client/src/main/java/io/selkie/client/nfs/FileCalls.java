package io.selkie.client.nfs;

import io.selkie.client.FileHandle;
import io.selkie.client.ServerProtocolException;
import io.selkie.client.session.Compound;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.Nfs41Session;
import io.selkie.client.session.Nfs41Session.Pending;
import io.selkie.client.session.Reply;
import io.selkie.client.session.StateListener;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.nfs4.Verifier4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Open files and their data through the server. Safe for use by several threads. */
public final class FileCalls {
  private static final Logger LOG = LoggerFactory.getLogger(FileCalls.class);

  private final Nfs41Session session;

  /** Calls through this session. */
  public FileCalls(Nfs41Session session) {
    this.session = session;
  }

  /** How a file that is not there is made. */
  public enum Creation {
    /** It must exist. */
    NONE,
    /** Made if it does not exist. */
    IF_MISSING,
    /** Must not exist. */
    MUST_BE_NEW
  }

  /** An open file. */
  public record Opened(FileHandle handle, Stateid4 stateid, AttributeCodec.Decoded attributes) {}

  /**
   * OPEN by name, RFC 8881 section 18.16; never asks for a delegation.
   *
   * @param access OPEN4_SHARE_ACCESS_*
   * @param owner unique for this open of the file
   * @param mode permission bits of a new file
   */
  public Opened open(
      FileHandle directory,
      String name,
      int access,
      long owner,
      Creation creation,
      int mode,
      String path)
      throws IOException {
    try (Compound call = session.compound("open " + path).putFh(directory)) {
      if (creation == Creation.MUST_BE_NEW) {
        call.onceOnly();
      } else {
        call.keepReply();
      }
      XdrWriter out = startOpen(call, access, owner);
      if (creation == Creation.NONE) {
        out.int32(OpenConst4.OPEN4_NOCREATE);
      } else {
        out.int32(OpenConst4.OPEN4_CREATE);
        out.int32(creation == Creation.MUST_BE_NEW ? OpenConst4.GUARDED4 : OpenConst4.UNCHECKED4);
        AttributeCodec.encode(out, -1, mode);
      }
      out.int32(OpenConst4.CLAIM_NULL);
      out.utf8(name);
      call.getFh().getAttr(AttributeCodec.statusAttributes());
      return session.call(call, FileCalls::decodeOpened);
    }
  }

  /**
   * OPEN of a file that was open before the server lost our state: CLAIM_PREVIOUS within the grace
   * period, CLAIM_FH otherwise.
   *
   * @return the new stateid, or null when the server refuses
   */
  public Stateid4 reopen(
      StateListener.RecoveryCalls calls,
      FileHandle handle,
      int access,
      long owner,
      boolean reclaim,
      String path)
      throws IOException {
    try (Compound call = session.compound("open again " + path).putFh(handle).keepReply()) {
      XdrWriter out = startOpen(call, access, owner);
      out.int32(OpenConst4.OPEN4_NOCREATE);
      if (reclaim) {
        out.int32(OpenConst4.CLAIM_PREVIOUS);
        out.int32(OpenConst4.OPEN_DELEGATE_NONE);
      } else {
        out.int32(OpenConst4.CLAIM_FH);
      }
      return calls.call(
          call,
          reply -> {
            if (reply.next(NfsOp4.OP_PUTFH) != NfsStat4.NFS4_OK
                || reply.next(NfsOp4.OP_OPEN) != NfsStat4.NFS4_OK) {
              return null;
            }
            return decodeOpen(reply);
          });
    }
  }

  private XdrWriter startOpen(Compound call, int access, long owner) {
    XdrWriter out = call.op(NfsOp4.OP_OPEN);
    out.int32(0);
    out.int32(access | OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
    out.int32(OpenConst4.OPEN4_SHARE_DENY_NONE);
    out.int64(0);
    out.int32(Long.BYTES);
    out.int64(owner);
    return out;
  }

  private static Opened decodeOpened(Reply reply) throws IOException {
    reply.ok(NfsOp4.OP_PUTFH);
    reply.ok(NfsOp4.OP_OPEN);
    Stateid4 stateid = decodeOpen(reply);
    FileHandle handle = NameCalls.decodeHandle(reply);
    return new Opened(handle, stateid, AttributeCodec.decode(reply.ok(NfsOp4.OP_GETATTR).in()));
  }

  private static Stateid4 decodeOpen(Reply reply) throws IOException {
    XdrReader in = reply.in();
    Stateid4 stateid = Stateids.decode(in);
    NameCalls.skipChangeInfo(in);
    in.int32();
    Bitmap4.skip(in);
    int delegation = in.int32();
    switch (delegation) {
      case OpenConst4.OPEN_DELEGATE_NONE -> {}
      case OpenConst4.OPEN_DELEGATE_NONE_EXT -> {
        int why = in.int32();
        if (why == OpenConst4.WND4_CONTENTION || why == OpenConst4.WND4_RESOURCE) {
          in.bool();
        }
      }
      default ->
          throw new ServerProtocolException("OPEN: a delegation that was declined is granted");
    }
    return stateid;
  }

  /** CLOSE; an NFS status. */
  public int close(FileHandle handle, Stateid4 stateid, String path) throws IOException {
    try (Compound call = session.compound("close " + path).putFh(handle).keepReply()) {
      XdrWriter out = call.op(NfsOp4.OP_CLOSE);
      out.int32(0);
      Stateids.encode(out, stateid);
      return session.call(
          call,
          reply -> {
            int status = reply.next(NfsOp4.OP_PUTFH);
            return status == NfsStat4.NFS4_OK ? reply.next(NfsOp4.OP_CLOSE) : status;
          });
    }
  }

  /**
   * SETATTR of the size. When the expected size is given and the server can compare (VERIFY), the
   * size is set only if it is still that.
   *
   * @param expectedSize the size to be there before, or -1 for any
   * @return an NFS status; NFS4ERR_NOT_SAME when the size was another
   */
  public int setSize(FileHandle handle, Stateid4 stateid, long size, long expectedSize, String path)
      throws IOException {
    try (Compound call = session.compound("set size of " + path).putFh(handle)) {
      if (expectedSize >= 0) {
        AttributeCodec.encode(call.op(NfsOp4.OP_VERIFY), expectedSize, -1);
      }
      call.keepReply();
      XdrWriter out = call.op(NfsOp4.OP_SETATTR);
      Stateids.encode(out, stateid);
      AttributeCodec.encode(out, size, -1);
      return session.call(
          call,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            int status = expectedSize >= 0 ? reply.next(NfsOp4.OP_VERIFY) : NfsStat4.NFS4_OK;
            return status == NfsStat4.NFS4_OK ? reply.next(NfsOp4.OP_SETATTR) : status;
          });
    }
  }

  /**
   * Sets the time of the last change to the server's. Whatever comes of it is logged only: the data
   * is durable, and the client may have lost the right to write meanwhile, or the file be gone.
   */
  public void touch(FileHandle handle, String path) {
    try (Compound call = session.compound("times of " + path).putFh(handle).keepReply()) {
      XdrWriter out = call.op(NfsOp4.OP_SETATTR);
      Stateids.encode(out, Stateids.ANONYMOUS);
      Bitmap4.of(FileAttributes.FATTR4_TIME_MODIFY_SET).encode(out);
      out.int32(Integer.BYTES);
      out.int32(Nfs4Const.SET_TO_SERVER_TIME4);
      int status =
          session.call(
              call,
              reply -> {
                int found = reply.next(NfsOp4.OP_PUTFH);
                return found == NfsStat4.NFS4_OK ? reply.next(NfsOp4.OP_SETATTR) : found;
              });
      if (status != NfsStat4.NFS4_OK) {
        LOG.warn("{}: its times stay those of before: {}", path, NfsStat4.name(status));
      }
    } catch (IOException e) {
      LOG.warn("{}: its times stay those of before", path, e);
    }
  }

  /** GETATTR of the size alone. */
  public long size(FileHandle handle, String path) throws IOException {
    try (Compound call = session.compound(path)) {
      call.putFh(handle).getAttr(Bitmap4.of(FileAttributes.FATTR4_SIZE));
      return session.call(
          call,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            XdrReader in = reply.ok(NfsOp4.OP_GETATTR).in();
            if (!new Bitmap4().decode(in).isSet(FileAttributes.FATTR4_SIZE)) {
              throw new ServerProtocolException(path + ": the server does not say the size");
            }
            in.int32();
            return in.int64();
          });
    }
  }

  /** A READ or WRITE on its way. */
  public final class Transfer implements AutoCloseable {
    private final Compound call;
    private final Pending pending;
    private final MemorySegment target;
    private boolean finished;

    /** Position in the file. */
    final long position;

    /** Bytes asked for. */
    final int length;

    private Transfer(
        Compound call, Pending pending, MemorySegment target, long position, int length) {
      this.call = call;
      this.pending = pending;
      this.target = target;
      this.position = position;
      this.length = length;
    }

    /** READ: waits, and copies into the target. */
    ReadResult finishRead() throws IOException {
      finished = true;
      return session.finish(
          pending,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            XdrReader in = reply.ok(NfsOp4.OP_READ).in();
            boolean endOfFile = in.bool();
            int bytes = in.opaqueLength(length);
            MemorySegment source = MemorySegment.ofBuffer(in.buffer());
            MemorySegment.copy(source, 0, target, 0, bytes);
            return new ReadResult(bytes, endOfFile);
          });
    }

    /** WRITE: waits. */
    WriteResult finishWrite() throws IOException {
      finished = true;
      return session.finish(
          pending,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            XdrReader in = reply.ok(NfsOp4.OP_WRITE).in();
            long count = in.uint32();
            int committed = in.enumeration(Nfs4Const.UNSTABLE4, Nfs4Const.FILE_SYNC4);
            if (count > length || count == 0) {
              throw new ServerProtocolException(
                  call.name() + ": " + count + " of " + length + " bytes said to be written");
            }
            return new WriteResult((int) count, committed, Verifier4.decode(in));
          });
    }

    /** Gives the call up if it was not finished. */
    @Override
    public void close() {
      if (!finished) {
        session.abandon(pending);
      }
      call.close();
    }
  }

  /** What READ answered. */
  record ReadResult(int bytes, boolean endOfFile) {}

  /** What WRITE answered. */
  record WriteResult(int bytes, int committed, Verifier4 verifier) {}

  /**
   * Sends a READ.
   *
   * @param target takes the bytes when it is finished; its size is what is asked for
   * @param mayWait whether to wait for a slot; if not, null is returned when none is free
   */
  Transfer startRead(
      FileHandle handle,
      Stateid4 stateid,
      long position,
      MemorySegment target,
      Deadline deadline,
      boolean mayWait,
      String path)
      throws IOException {
    int length = (int) target.byteSize();
    Compound call = session.compound("read " + path).putFh(handle);
    XdrWriter out = call.op(NfsOp4.OP_READ);
    Stateids.encode(out, stateid);
    out.int64(position);
    out.int32(length);
    return start(call, target, position, length, deadline, mayWait);
  }

  /**
   * Sends a WRITE.
   *
   * @param source copied before this returns
   * @param stability UNSTABLE4, DATA_SYNC4 or FILE_SYNC4
   * @param mayWait as in {@link #startRead}
   */
  Transfer startWrite(
      FileHandle handle,
      Stateid4 stateid,
      long position,
      MemorySegment source,
      int stability,
      Deadline deadline,
      boolean mayWait,
      String path)
      throws IOException {
    int length = (int) source.byteSize();
    Compound call = session.compound("write " + path).putFh(handle);
    XdrWriter out = call.op(NfsOp4.OP_WRITE);
    Stateids.encode(out, stateid);
    out.int64(position);
    out.int32(stability);
    out.opaque(source.asByteBuffer());
    return start(call, null, position, length, deadline, mayWait);
  }

  private Transfer start(
      Compound call,
      MemorySegment target,
      long position,
      int length,
      Deadline deadline,
      boolean mayWait)
      throws IOException {
    Pending pending = null;
    try {
      pending = mayWait ? session.submit(call, deadline) : session.trySubmit(call, deadline);
      return pending == null ? null : new Transfer(call, pending, target, position, length);
    } finally {
      if (pending == null) {
        call.close();
      }
    }
  }

  /** COMMIT of the whole file, RFC 8881 section 18.3. */
  Verifier4 commit(FileHandle handle, String path) throws IOException {
    try (Compound call = session.compound("commit " + path).putFh(handle)) {
      XdrWriter out = call.op(NfsOp4.OP_COMMIT);
      out.int64(0);
      out.int32(0);
      return session.call(
          call,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            return Verifier4.decode(reply.ok(NfsOp4.OP_COMMIT).in());
          });
    }
  }

  Nfs41Session session() {
    return session;
  }
}
