package io.selkie.client.nfs;

import io.selkie.client.DirectoryEntry;
import io.selkie.client.FileHandle;
import io.selkie.client.FileStatus;
import io.selkie.client.NfsStatusException;
import io.selkie.client.ServerProtocolException;
import io.selkie.client.session.Compound;
import io.selkie.client.session.Nfs41Session;
import io.selkie.client.session.Reply;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Names, directories and attributes. Safe for use by several threads. */
public final class NameCalls {
  private static final int OPERATIONS_BESIDE_LOOKUPS = 5;
  private static final int NAME_BYTES_MAX = 4096;
  private static final int READDIR_BYTES = 128 * 1024;
  private static final int READDIR_CALLS_MAX = 1 << 20;

  private final Nfs41Session session;

  /** Calls through this session. */
  public NameCalls(Nfs41Session session) {
    this.session = session;
  }

  /** A file or directory found. */
  public record Found(FileHandle handle, AttributeCodec.Decoded attributes) {}

  /** Walks from the root along a path's components, as many per call as the session allows. */
  public Found lookup(List<String> components, String path) throws IOException {
    int each = Math.max(1, session.operationsMax() - OPERATIONS_BESIDE_LOOKUPS);
    Found at = null;
    int next = 0;
    do {
      List<String> step = components.subList(next, Math.min(components.size(), next + each));
      at = step(at, step, path);
      next += step.size();
    } while (next < components.size());
    return at;
  }

  private Found step(Found from, List<String> components, String path) throws IOException {
    try (Compound call = session.compound(path)) {
      if (from == null) {
        call.putRootFh();
      } else {
        call.putFh(from.handle());
      }
      components.forEach(call::lookup);
      call.getFh().getAttr(AttributeCodec.statusAttributes());
      return session.call(
          call,
          reply -> {
            reply.ok(from == null ? NfsOp4.OP_PUTROOTFH : NfsOp4.OP_PUTFH);
            for (int i = 0; i < components.size(); i++) {
              reply.ok(NfsOp4.OP_LOOKUP);
            }
            return decodeFound(reply);
          });
    }
  }

  private static Found decodeFound(Reply reply) throws IOException {
    FileHandle handle = decodeHandle(reply);
    return new Found(handle, AttributeCodec.decode(reply.ok(NfsOp4.OP_GETATTR).in()));
  }

  static FileHandle decodeHandle(Reply reply) throws IOException {
    return new FileHandle(reply.ok(NfsOp4.OP_GETFH).in().opaque(Nfs4Const.NFS4_FHSIZE));
  }

  /** GETATTR. */
  public AttributeCodec.Decoded getAttr(FileHandle handle, String path) throws IOException {
    try (Compound call = session.compound(path)) {
      call.putFh(handle).getAttr(AttributeCodec.statusAttributes());
      return session.call(
          call,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            return AttributeCodec.decode(reply.ok(NfsOp4.OP_GETATTR).in());
          });
    }
  }

  /** All entries of a directory, in the server's order. Names that are no names are refused. */
  public List<DirectoryEntry> readDirectory(FileHandle directory, String path) throws IOException {
    List<DirectoryEntry> entries = new ArrayList<>();
    long cookie = 0;
    long verifier = 0;
    for (int i = 0; i < READDIR_CALLS_MAX; i++) {
      Page page = readPage(directory, path, cookie, verifier, entries);
      if (page.isLast) {
        return entries;
      }
      if (page.cookie == cookie) {
        throw new ServerProtocolException(path + ": READDIR makes no progress");
      }
      cookie = page.cookie;
      verifier = page.verifier;
    }
    throw new ServerProtocolException(path + ": READDIR does not come to an end");
  }

  private record Page(long cookie, long verifier, boolean isLast) {}

  private Page readPage(
      FileHandle directory, String path, long cookie, long verifier, List<DirectoryEntry> to)
      throws IOException {
    try (Compound call = session.compound(path)) {
      XdrWriter out = call.putFh(directory).op(NfsOp4.OP_READDIR);
      int bytes = Math.min(READDIR_BYTES, session.transferBytesMax());
      out.int64(cookie);
      out.int64(verifier);
      out.int32(bytes / 4);
      out.int32(bytes);
      AttributeCodec.statusAttributes().encode(out);
      return session.call(
          call,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            XdrReader in = reply.ok(NfsOp4.OP_READDIR).in();
            long nextVerifier = in.int64();
            long last = cookie;
            while (in.bool()) {
              last = in.int64();
              String name = in.utf8(NAME_BYTES_MAX);
              FileStatus status = AttributeCodec.decode(in).status();
              to.add(new DirectoryEntry(checkedName(name, path), status));
            }
            return new Page(last, nextVerifier, in.bool());
          });
    }
  }

  /** A name becomes part of a local path when a tree is copied: it must not lead elsewhere. */
  private static String checkedName(String name, String path) throws ServerProtocolException {
    if (name.isEmpty()
        || name.equals(".")
        || name.equals("..")
        || name.indexOf('/') >= 0
        || name.indexOf('\0') >= 0) {
      throw new ServerProtocolException(path + ": the server lists an entry named '" + name + "'");
    }
    return name;
  }

  /** CREATE of a directory. */
  public Found makeDirectory(FileHandle parent, String name, int mode, String path)
      throws IOException {
    try (Compound call = session.compound("mkdir " + path).putFh(parent).onceOnly()) {
      XdrWriter out = call.op(NfsOp4.OP_CREATE);
      out.int32(Nfs4Const.NF4DIR);
      out.utf8(name);
      AttributeCodec.encode(out, -1, mode);
      call.getFh().getAttr(AttributeCodec.statusAttributes());
      return session.call(
          call,
          reply -> {
            reply.ok(NfsOp4.OP_PUTFH);
            XdrReader in = reply.ok(NfsOp4.OP_CREATE).in();
            skipChangeInfo(in);
            Bitmap4.skip(in);
            return decodeFound(reply);
          });
    }
  }

  static void skipChangeInfo(XdrReader in) {
    in.bool();
    in.skip(2 * Long.BYTES);
  }

  /** REMOVE of a file or an empty directory. */
  public void remove(FileHandle parent, String name, String path) throws IOException {
    try (Compound call = session.compound("remove " + path).putFh(parent).onceOnly()) {
      call.op(NfsOp4.OP_REMOVE).utf8(name);
      session.call(call, reply -> reply.ok(NfsOp4.OP_PUTFH).ok(NfsOp4.OP_REMOVE));
    }
  }

  /** RENAME, replacing what has the new name. */
  public void rename(
      FileHandle fromParent, String fromName, FileHandle toParent, String toName, String what)
      throws IOException {
    try (Compound call = session.compound("rename " + what)) {
      call.putFh(fromParent).saveFh().putFh(toParent).onceOnly();
      XdrWriter out = call.op(NfsOp4.OP_RENAME);
      out.utf8(fromName);
      out.utf8(toName);
      session.call(
          call,
          reply ->
              reply
                  .ok(NfsOp4.OP_PUTFH)
                  .ok(NfsOp4.OP_SAVEFH)
                  .ok(NfsOp4.OP_PUTFH)
                  .ok(NfsOp4.OP_RENAME));
    }
  }

  /** Whether an exception says that there is no such name. */
  public static boolean isNoEntry(NfsStatusException e) {
    return e.status() == NfsStat4.NFS4ERR_NOENT;
  }
}
