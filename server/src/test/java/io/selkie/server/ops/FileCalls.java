package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** One client's calls on files: each method is one compound whose last operation is of interest. */
final class FileCalls implements AutoCloseable {

  static final int READ = OpenConst4.OPEN4_SHARE_ACCESS_READ;
  static final int WRITE = OpenConst4.OPEN4_SHARE_ACCESS_WRITE;
  static final int BOTH = OpenConst4.OPEN4_SHARE_ACCESS_BOTH;
  static final int DENY_NONE = OpenConst4.OPEN4_SHARE_DENY_NONE;

  /** How the last operation was answered; the reader is at its result. */
  record Answer(String status, XdrReader in) {}

  /** A file that was opened, or why not. */
  @SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
  record Opened(String status, Stateid4 stateid, byte[] handle, Bitmap4 set, int delegation) {}

  private final Nfs41TestClient connection;
  private final TestSession session;
  private final String owner;

  private FileCalls(Nfs41TestClient connection, String owner, TestSession session) {
    this.connection = connection;
    this.owner = owner;
    this.session = session;
  }

  /** From an address of this machine; without a credential for AUTH_NONE. */
  static FileCalls connectFrom(
      String local, InetSocketAddress server, String owner, AuthSys credential) throws IOException {
    Nfs41TestClient connection = Nfs41TestClient.connectFrom(local, server).as(credential);
    return new FileCalls(connection, owner, TestSession.open(connection, owner));
  }

  private FileCalls(Nfs41TestClient connection, TestSession session, String owner) {
    this.connection = connection;
    this.owner = owner;
    this.session = session;
  }

  /** The calls of a client of its own making, which has not yet said RECLAIM_COMPLETE. */
  static FileCalls of(Nfs41TestClient connection, TestSession session, String owner) {
    return new FileCalls(connection, session, owner);
  }

  /** Connects as a user, and makes a client and a session. */
  static FileCalls connect(InetSocketAddress server, String owner, int uid) throws IOException {
    return connect(server, owner, uid, uid);
  }

  static FileCalls connect(InetSocketAddress server, String owner, int uid, int gid, int... groups)
      throws IOException {
    AuthSys credential = new AuthSys().set(uid, gid, groups);
    Nfs41TestClient connection = Nfs41TestClient.connect(server).as(credential);
    return new FileCalls(connection, owner, TestSession.open(connection, owner));
  }

  /** The same with CREATE_SESSION's flags. */
  static FileCalls connectWith(InetSocketAddress server, String owner, int uid, int sessionFlags)
      throws IOException {
    Nfs41TestClient connection = Nfs41TestClient.connect(server).as(uid);
    TestSession session = TestSession.open(connection, owner, 1, sessionFlags);
    session.call(c -> c.reclaimComplete());
    return new FileCalls(connection, owner, session);
  }

  Nfs41TestClient connection() {
    return connection;
  }

  TestSession session() {
    return session;
  }

  @Override
  public void close() throws IOException {
    connection.close();
  }

  /**
   * Calls, and reads up to the last operation's result; all before it have none.
   *
   * @param opcodes of the operations, SEQUENCE left out
   */
  Answer call(UnaryOperator<Compound> operations, int... opcodes) {
    CompoundReply reply = call(operations);
    String status = "NFS4_OK";
    for (int i = 0; i < reply.count() - 1; i++) {
      status = reply.next(opcodes[i]);
    }
    return new Answer(status, reply.in());
  }

  /** Calls without asking for the reply to be kept, which would keep it small. */
  private CompoundReply call(UnaryOperator<Compound> operations) {
    // One slot: who gives something back meanwhile, on another thread, waits its turn.
    synchronized (session) {
      CompoundReply reply = connection.call(operations.apply(session.next(0, false)));
      reply.sequenceOk();
      return reply;
    }
  }

  static UnaryOperator<Compound> putFh(byte[] handle) {
    return c -> c.op(NfsOp4.OP_PUTFH, o -> o.opaque(handle));
  }

  static Consumer<XdrWriter> name(String name) {
    return o -> o.opaque(name.getBytes(UTF_8));
  }

  /** One operation on a file. */
  Answer on(byte[] handle, int opcode, Consumer<XdrWriter> arguments) {
    return call(c -> putFh(handle).apply(c).op(opcode, arguments), NfsOp4.OP_PUTFH, opcode);
  }

  /** LAYOUTGET of all of a file. */
  Answer layoutGet(byte[] handle, Stateid4 stateid, int ioMode) {
    return on(
        handle,
        NfsOp4.OP_LAYOUTGET,
        o -> {
          o.bool(false);
          o.int32(LayoutConst4.LAYOUT4_RDMA);
          o.int32(ioMode);
          o.int64(0);
          o.int64(-1);
          o.int64(0);
          Stateids.encode(o, stateid);
          o.int32(65_536);
        });
  }

  /** LAYOUTRETURN of all of a file. */
  Answer layoutReturn(byte[] handle, Stateid4 layout) {
    return on(
        handle,
        NfsOp4.OP_LAYOUTRETURN,
        o -> {
          o.bool(false);
          o.int32(LayoutConst4.LAYOUT4_RDMA);
          o.int32(LayoutConst4.LAYOUTIOMODE4_ANY);
          o.int32(LayoutConst4.LAYOUTRETURN4_FILE);
          o.int64(0);
          o.int64(-1);
          Stateids.encode(o, layout);
          o.int32(0);
        });
  }

  /** LAYOUTCOMMIT of all of a file, without a time. */
  String layoutCommit(byte[] handle, Stateid4 layout, boolean reclaim, long lastWritten) {
    return on(
            handle,
            NfsOp4.OP_LAYOUTCOMMIT,
            o -> {
              o.int64(0);
              o.int64(-1);
              o.bool(reclaim);
              Stateids.encode(o, layout);
              o.bool(true);
              o.int64(lastWritten);
              o.bool(false);
              o.int32(LayoutConst4.LAYOUT4_RDMA);
              o.int32(0);
            })
        .status();
  }

  /** COMMIT of all of a file. */
  Answer commit(byte[] handle) {
    return on(
        handle,
        NfsOp4.OP_COMMIT,
        o -> {
          o.int64(0);
          o.int32(0);
        });
  }

  /** LINK of a file. */
  String link(byte[] file, byte[] directory, String name) {
    return onTwo(file, directory, NfsOp4.OP_LINK, name(name)).status();
  }

  /** One operation on two directories: the saved one and the current one. */
  Answer onTwo(byte[] saved, byte[] current, int opcode, Consumer<XdrWriter> arguments) {
    return call(
        c -> putFh(current).apply(putFh(saved).apply(c).op(NfsOp4.OP_SAVEFH)).op(opcode, arguments),
        NfsOp4.OP_PUTFH,
        NfsOp4.OP_SAVEFH,
        NfsOp4.OP_PUTFH,
        opcode);
  }

  /** The filehandle at a path from the root of all. */
  byte[] handleOf(String... path) {
    int[] opcodes = new int[path.length + 2];
    opcodes[0] = NfsOp4.OP_PUTROOTFH;
    for (int i = 0; i < path.length; i++) {
      opcodes[i + 1] = NfsOp4.OP_LOOKUP;
    }
    opcodes[path.length + 1] = NfsOp4.OP_GETFH;
    Answer answer =
        call(
            c -> {
              Compound compound = c.op(NfsOp4.OP_PUTROOTFH);
              for (String component : path) {
                compound = compound.op(NfsOp4.OP_LOOKUP, name(component));
              }
              return compound.op(NfsOp4.OP_GETFH);
            },
            opcodes);
    if (!answer.status().equals("NFS4_OK")) {
      throw new AssertionError(String.join("/", path) + " answered " + answer.status());
    }
    return answer.in().opaque(Nfs4Const.NFS4_FHSIZE);
  }

  Answer lookup(byte[] directory, String name) {
    return on(directory, NfsOp4.OP_LOOKUP, name(name));
  }

  // ---------------------------------------------------------------- opens

  Opened open(byte[] directory, String name, int access, int deny) {
    return open(directory, access, deny, owner, o -> o.int32(0), claimName(name));
  }

  Opened create(byte[] directory, String name) {
    return open(directory, BOTH, DENY_NONE, owner, unchecked(mode(0644)), claimName(name));
  }

  static Consumer<XdrWriter> claimName(String name) {
    return o -> {
      o.int32(OpenConst4.CLAIM_NULL);
      o.opaque(name.getBytes(UTF_8));
    };
  }

  static Consumer<XdrWriter> unchecked(Consumer<XdrWriter> attributes) {
    return o -> {
      o.int32(OpenConst4.OPEN4_CREATE);
      o.int32(OpenConst4.UNCHECKED4);
      attributes.accept(o);
    };
  }

  static Consumer<XdrWriter> guarded() {
    return o -> {
      o.int32(OpenConst4.OPEN4_CREATE);
      o.int32(OpenConst4.GUARDED4);
      mode(0644).accept(o);
    };
  }

  static Consumer<XdrWriter> exclusive41(long verifier, Consumer<XdrWriter> attributes) {
    return o -> {
      o.int32(OpenConst4.OPEN4_CREATE);
      o.int32(OpenConst4.EXCLUSIVE4_1);
      o.int64(verifier);
      attributes.accept(o);
    };
  }

  /** OPEN, then GETFH. */
  Opened open(
      byte[] current,
      int access,
      int deny,
      String openOwner,
      Consumer<XdrWriter> how,
      Consumer<XdrWriter> claim) {
    CompoundReply reply =
        call(c ->
            putFh(current)
                .apply(c)
                .op(
                    NfsOp4.OP_OPEN,
                    o -> {
                      o.int32(0);
                      o.int32(access);
                      o.int32(deny);
                      o.int64(4711);
                      o.opaque(openOwner.getBytes(UTF_8));
                      how.accept(o);
                      claim.accept(o);
                    })
                .op(NfsOp4.OP_GETFH));
    String status = reply.next(NfsOp4.OP_PUTFH);
    if (status.equals("NFS4_OK")) {
      status = reply.next(NfsOp4.OP_OPEN);
    }
    if (!status.equals("NFS4_OK")) {
      return new Opened(status, null, null, null, -1);
    }
    XdrReader in = reply.in();
    Stateid4 stateid = Stateids.decode(in);
    in.skip(FileOperation.CHANGE_INFO_BYTES);
    in.int32();
    Bitmap4 set = new Bitmap4().decode(in);
    int delegation = in.int32();
    if (delegation == OpenConst4.OPEN_DELEGATE_NONE_EXT && in.int32() == OpenConst4.WND4_RESOURCE) {
      in.bool();
    }
    reply.next(NfsOp4.OP_GETFH);
    return new Opened(status, stateid, in.opaque(Nfs4Const.NFS4_FHSIZE), set, delegation);
  }

  String close(byte[] handle, Stateid4 stateid) {
    return on(
            handle,
            NfsOp4.OP_CLOSE,
            o -> {
              o.int32(0);
              Stateids.encode(o, stateid);
            })
        .status();
  }

  // ---------------------------------------------------------------- data

  /** What READ answered. */
  @SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
  record Data(String status, boolean eof, byte[] bytes) {}

  Data read(byte[] handle, Stateid4 stateid, long offset, int count) {
    Answer answer =
        on(
            handle,
            NfsOp4.OP_READ,
            o -> {
              Stateids.encode(o, stateid);
              o.int64(offset);
              o.int32(count);
            });
    if (!answer.status().equals("NFS4_OK")) {
      return new Data(answer.status(), false, null);
    }
    boolean eof = answer.in().bool();
    return new Data(answer.status(), eof, answer.in().opaque(1 << 24));
  }

  /** What WRITE answered. */
  record Written(String status, int count, int committed, long verifier) {}

  Written write(byte[] handle, Stateid4 stateid, long offset, int stable, byte[] data) {
    Answer answer =
        on(
            handle,
            NfsOp4.OP_WRITE,
            o -> {
              Stateids.encode(o, stateid);
              o.int64(offset);
              o.int32(stable);
              o.opaque(data);
            });
    if (!answer.status().equals("NFS4_OK")) {
      return new Written(answer.status(), -1, -1, -1);
    }
    XdrReader in = answer.in();
    return new Written(answer.status(), in.int32(), in.int32(), in.int64());
  }

  // ---------------------------------------------------------------- attributes

  static Consumer<XdrWriter> mode(int mode) {
    return fattr(new Bitmap4().set(FileAttributes.FATTR4_MODE), o -> o.int32(mode));
  }

  static Consumer<XdrWriter> size(long size) {
    return fattr(new Bitmap4().set(FileAttributes.FATTR4_SIZE), o -> o.int64(size));
  }

  static Consumer<XdrWriter> noAttributes() {
    return fattr(new Bitmap4(), o -> {});
  }

  static Consumer<XdrWriter> fattr(Bitmap4 mask, Consumer<XdrWriter> values) {
    return o -> {
      mask.encode(o);
      int length = o.beginOpaque();
      values.accept(o);
      o.endOpaque(length);
    };
  }

  String setAttr(byte[] handle, Stateid4 stateid, Consumer<XdrWriter> attributes) {
    return on(
            handle,
            NfsOp4.OP_SETATTR,
            o -> {
              Stateids.encode(o, stateid);
              attributes.accept(o);
            })
        .status();
  }

  /** Type, size, mode and number of links. */
  FileStatus attributes(byte[] handle) {
    Bitmap4 asked =
        new Bitmap4()
            .set(FileAttributes.FATTR4_SIZE)
            .set(FileAttributes.FATTR4_MODE)
            .set(FileAttributes.FATTR4_NUMLINKS)
            .set(FileAttributes.FATTR4_TIME_MODIFY);
    Answer answer = on(handle, NfsOp4.OP_GETATTR, asked::encode);
    if (!answer.status().equals("NFS4_OK")) {
      throw new AssertionError("GETATTR answered " + answer.status());
    }
    XdrReader in = answer.in();
    new Bitmap4().decode(in);
    in.int32();
    FileStatus status = new FileStatus().size(in.int64()).mode(in.int32()).linkCount(in.int32());
    return status.mtimeSec(in.int64()).mtimeNsec(in.int32());
  }

  // ---------------------------------------------------------------- directories

  Answer mkdir(byte[] directory, String name) {
    return on(
        directory,
        NfsOp4.OP_CREATE,
        o -> {
          o.int32(Nfs4Const.NF4DIR);
          o.opaque(name.getBytes(UTF_8));
          mode(0755).accept(o);
        });
  }

  String remove(byte[] directory, String name) {
    return on(directory, NfsOp4.OP_REMOVE, name(name)).status();
  }

  String rename(byte[] from, String oldName, byte[] to, String newName) {
    return onTwo(
            from,
            to,
            NfsOp4.OP_RENAME,
            o -> {
              o.opaque(oldName.getBytes(UTF_8));
              o.opaque(newName.getBytes(UTF_8));
            })
        .status();
  }

  /** All names of a directory, read in pieces of so many bytes. */
  List<String> list(byte[] directory, int maxCount) {
    List<String> names = new ArrayList<>();
    long cookie = 0;
    long verifier = 0;
    while (true) {
      long from = cookie;
      long with = verifier;
      Answer answer = readDir(directory, from, with, maxCount, new Bitmap4());
      if (!answer.status().equals("NFS4_OK")) {
        throw new AssertionError("READDIR answered " + answer.status());
      }
      XdrReader in = answer.in();
      verifier = in.int64();
      while (in.bool()) {
        cookie = in.int64();
        names.add(new String(in.opaque(255), UTF_8));
        new Bitmap4().decode(in);
        in.opaque(1 << 16);
      }
      if (in.bool()) {
        return names;
      }
    }
  }

  Answer readDir(byte[] directory, long cookie, long verifier, int maxCount, Bitmap4 asked) {
    return on(
        directory,
        NfsOp4.OP_READDIR,
        o -> {
          o.int64(cookie);
          o.int64(verifier);
          o.int32(maxCount);
          o.int32(maxCount);
          asked.encode(o);
        });
  }
}
