package io.selkie.client.fake;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NetAddr4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.rdma.MemoryRegion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Map;

/** The file operations of one compound. */
final class FakeOperations {
  private static final DeviceId4 DEVICE = new DeviceId4(7, 7);
  private static final Bitmap4 SUPPORTED =
      Bitmap4.of(
          FileAttributes.FATTR4_TYPE,
          FileAttributes.FATTR4_CHANGE,
          FileAttributes.FATTR4_SIZE,
          FileAttributes.FATTR4_LEASE_TIME,
          FileAttributes.FATTR4_FILEID,
          FileAttributes.FATTR4_MODE);

  private final FakeState state;
  private final XdrReader in;
  private final XdrWriter out;
  private FakeFile current;
  private FakeFile saved;

  FakeOperations(FakeState state, XdrReader in, XdrWriter out) {
    this.state = state;
    this.in = in;
    this.out = out;
  }

  /** Offset and length of READ, WRITE and layout operations, for the log. */
  String peek(int operation) {
    int at = in.position();
    try {
      return switch (operation) {
        case NfsOp4.OP_READ, NfsOp4.OP_WRITE -> {
          in.skip(Stateids.BYTES);
          long offset = in.int64();
          int skip = operation == NfsOp4.OP_WRITE ? in.int32() : 0;
          yield " " + offset + "+" + in.int32() + (skip < 0 ? "?" : "");
        }
        case NfsOp4.OP_LAYOUTCOMMIT -> " " + in.int64() + "+" + in.int64();
        case NfsOp4.OP_SETATTR -> {
          var _ = Stateids.decode(in);
          yield isTouch(FakeCompound.bitmap(in)) ? " of the time of the last change" : "";
        }
        default -> "";
      };
    } finally {
      in.position(at);
    }
  }

  int run(int operation) {
    return switch (operation) {
      case NfsOp4.OP_PUTROOTFH -> {
        current = state.root;
        yield NFS4_OK;
      }
      case NfsOp4.OP_PUTFH -> putFh();
      case NfsOp4.OP_SAVEFH -> {
        saved = current;
        yield NFS4_OK;
      }
      case NfsOp4.OP_GETFH -> {
        out.opaque(current.handle.bytes());
        yield NFS4_OK;
      }
      case NfsOp4.OP_LOOKUP -> lookup(in.utf8(255));
      case NfsOp4.OP_GETATTR -> {
        attributes(FakeCompound.bitmap(in), current);
        yield NFS4_OK;
      }
      case NfsOp4.OP_OPEN -> open();
      case NfsOp4.OP_CLOSE -> {
        in.int32();
        Stateid4 closed = Stateids.decode(in);
        Stateids.encode(out, closed);
        yield state.openStateids.remove(closed) ? NFS4_OK : NFS4ERR_BAD_STATEID;
      }
      case NfsOp4.OP_READ -> read();
      case NfsOp4.OP_WRITE -> write();
      case NfsOp4.OP_COMMIT -> {
        in.skip(12);
        out.int64(state.writeVerifier);
        yield NFS4_OK;
      }
      case NfsOp4.OP_VERIFY -> {
        FakeCompound.bitmap(in);
        in.int32();
        yield in.int64() == current.size ? NFS4_OK : NFS4ERR_NOT_SAME;
      }
      case NfsOp4.OP_SETATTR -> setAttr();
      case NfsOp4.OP_CREATE -> create();
      case NfsOp4.OP_REMOVE -> {
        boolean was = current.children.remove(in.utf8(255)) != null;
        changeInfo();
        yield was ? NFS4_OK : NFS4ERR_NOENT;
      }
      case NfsOp4.OP_RENAME -> {
        FakeFile moved = saved.children.remove(in.utf8(255));
        current.children.put(in.utf8(255), moved);
        changeInfo();
        changeInfo();
        yield NFS4_OK;
      }
      case NfsOp4.OP_READDIR -> readDir();
      case NfsOp4.OP_LAYOUTGET -> layoutGet();
      case NfsOp4.OP_LAYOUTCOMMIT -> {
        in.skip(20);
        int answer = checkLayout(Stateids.decode(in));
        in.skip(in.remaining());
        out.bool(false);
        yield answer;
      }
      case NfsOp4.OP_LAYOUTRETURN -> layoutReturn();
      case NfsOp4.OP_GETDEVICEINFO -> deviceInfo();
      default -> NFS4ERR_NOTSUPP;
    };
  }

  private int putFh() {
    byte[] handle = in.opaque(128);
    current = state.files.get(ByteBuffer.wrap(handle).getLong(8));
    return current == null ? NFS4ERR_STALE : NFS4_OK;
  }

  private int lookup(String name) {
    FakeFile child = current.isDirectory() ? current.children.get(name) : null;
    if (child == null) {
      return current.isDirectory() ? NFS4ERR_NOENT : NFS4ERR_NOTDIR;
    }
    current = child;
    return NFS4_OK;
  }

  private void attributes(Bitmap4 asked, FakeFile file) {
    Bitmap4 given = asked.and(SUPPORTED);
    given.encode(out);
    int values = out.beginOpaque();
    for (int i = given.next(0); i >= 0; i = given.next(i + 1)) {
      switch (i) {
        case FileAttributes.FATTR4_TYPE ->
            out.int32(file.isDirectory() ? Nfs4Const.NF4DIR : Nfs4Const.NF4REG);
        case FileAttributes.FATTR4_CHANGE -> out.int64(file.change);
        case FileAttributes.FATTR4_SIZE -> out.int64(file.size);
        case FileAttributes.FATTR4_LEASE_TIME -> out.int32(90);
        case FileAttributes.FATTR4_FILEID -> out.int64(file.id);
        case FileAttributes.FATTR4_MODE -> out.int32(file.mode);
        default -> throw new IllegalStateException();
      }
    }
    out.endOpaque(values);
  }

  private int open() {
    in.skip(12);
    in.int64();
    in.opaque(1024);
    boolean create = in.int32() == 1;
    boolean guarded = false;
    if (create) {
      guarded = in.int32() == 1;
      FakeCompound.bitmap(in);
      in.opaque(1024);
    }
    int claim = in.int32();
    if (claim == 0) {
      String name = in.utf8(255);
      FakeFile file = current.children.get(name);
      if (file == null && !create) {
        return NFS4ERR_NOENT;
      }
      if (file != null && guarded) {
        return NFS4ERR_EXIST;
      }
      if (file == null) {
        file = new FakeFile(state.nextFileId++, false);
        state.files.put(file.id, file);
        current.children.put(name, file);
      }
      if (file.isDirectory()) {
        return NFS4ERR_ISDIR;
      }
      current = file;
    } else if (claim == 1) {
      in.int32();
    }
    Stateid4 stateid = state.newStateid();
    state.openStateids.add(stateid);
    Stateids.encode(out, stateid);
    changeInfo();
    out.int32(0);
    new Bitmap4().encode(out);
    out.int32(0);
    return NFS4_OK;
  }

  private void changeInfo() {
    out.bool(true);
    out.int64(1);
    out.int64(2);
  }

  private int read() {
    Stateid4 stateid = Stateids.decode(in);
    long offset = in.int64();
    int count = in.int32();
    if (!state.openStateids.contains(stateid)) {
      return NFS4ERR_BAD_STATEID;
    }
    int bytes = (int) Math.max(0, Math.min(count, current.size - offset));
    out.bool(offset + bytes >= current.size);
    out.opaque(
        bytes == 0
            ? new byte[0]
            : current.memory.asSlice(offset, bytes).toArray(ValueLayout.JAVA_BYTE));
    return NFS4_OK;
  }

  private int write() {
    Stateid4 stateid = Stateids.decode(in);
    long offset = in.int64();
    in.int32();
    byte[] data = in.opaque(1 << 20);
    if (!state.openStateids.contains(stateid)) {
      return NFS4ERR_BAD_STATEID;
    }
    MemorySegment.copy(data, 0, current.memory, ValueLayout.JAVA_BYTE, offset, data.length);
    current.size = Math.max(current.size, offset + data.length);
    current.change++;
    current.isFilled = true;
    out.int32(data.length);
    out.int32(Nfs4Const.UNSTABLE4);
    out.int64(state.writeVerifier);
    return NFS4_OK;
  }

  private static boolean isTouch(Bitmap4 attributes) {
    return attributes.equals(Bitmap4.of(FileAttributes.FATTR4_TIME_MODIFY_SET));
  }

  /** Of the size, or of the time of the last change to the server's. */
  private int setAttr() {
    Stateids.decode(in);
    Bitmap4 attributes = FakeCompound.bitmap(in);
    int length = in.int32();
    if (isTouch(attributes)) {
      boolean wellFormed = length == Integer.BYTES && in.int32() == Nfs4Const.SET_TO_SERVER_TIME4;
      attributes.encode(out);
      return wellFormed ? NFS4_OK : NFS4ERR_BADXDR;
    }
    long size = in.int64();
    if (size < current.size) {
      current.memory.asSlice(size, current.size - size).fill((byte) 0);
    }
    current.size = size;
    new Bitmap4().encode(out);
    return NFS4_OK;
  }

  private int create() {
    in.int32();
    String name = in.utf8(255);
    FakeCompound.bitmap(in);
    in.opaque(1024);
    if (current.children.containsKey(name)) {
      return NFS4ERR_EXIST;
    }
    FakeFile made = new FakeFile(state.nextFileId++, true);
    state.files.put(made.id, made);
    current.children.put(name, made);
    current = made;
    changeInfo();
    new Bitmap4().encode(out);
    return NFS4_OK;
  }

  /** Two entries a reply, so that cookies matter. */
  private int readDir() {
    long cookie = in.int64();
    in.skip(16);
    Bitmap4 asked = FakeCompound.bitmap(in);
    out.int64(99);
    int index = 0;
    int given = 0;
    boolean more = false;
    for (Map.Entry<String, FakeFile> entry : current.children.entrySet()) {
      index++;
      if (index <= cookie) {
        continue;
      }
      if (given == 2) {
        more = true;
        break;
      }
      out.bool(true);
      out.int64(index);
      out.utf8(entry.getKey());
      attributes(new Bitmap4().assign(asked), entry.getValue());
      given++;
    }
    out.bool(false);
    out.bool(!more);
    return NFS4_OK;
  }

  private int checkLayout(Stateid4 presented) {
    Stateid4 held = current.layoutStateid;
    if (held == null || !held.sameOther(presented)) {
      return NFS4ERR_BAD_STATEID;
    }
    return current.isRevoked ? NFS4ERR_ADMIN_REVOKED : NFS4_OK;
  }

  private int layoutGet() {
    in.bool();
    in.int32();
    int ioMode = in.int32();
    long offset = in.int64();
    long length = in.int64();
    in.int64();
    Stateid4 presented = Stateids.decode(in);
    in.int32();
    if (!state.openStateids.contains(presented)) {
      int answer = checkLayout(presented);
      if (answer != NFS4_OK) {
        return answer;
      }
    }
    long wanted = length < 0 ? current.size - offset : Math.min(length, current.size - offset);
    long granted = Math.min(wanted, state.layoutBytesMax);
    if (granted <= 0) {
      return NFS4ERR_LAYOUTUNAVAILABLE;
    }
    Stateid4 held = current.layoutStateid;
    current.layoutStateid = held == null ? state.newStateid() : held.withSeqid(held.seqid() + 1);
    out.bool(true);
    Stateids.encode(out, current.layoutStateid);
    out.int32(1);
    out.int64(offset);
    out.int64(granted);
    out.int32(ioMode);
    out.int32(LayoutConst4.LAYOUT4_RDMA);
    int body = out.beginOpaque();
    extents(ioMode, offset, granted);
    out.endOpaque(body);
    return NFS4_OK;
  }

  /** Two extents when there is room, so that I/O has to cross from one to the other. */
  private void extents(int ioMode, long offset, long granted) {
    long first = granted > 8192 ? granted / 2 / 4096 * 4096 : granted;
    out.int32(first < granted ? 2 : 1);
    boolean isRead = ioMode == LayoutConst4.LAYOUTIOMODE4_READ;
    RdmaExtentState4 data =
        isRead ? RdmaExtentState4.PNFS_RDMA_READ_DATA : RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA;
    current.isFilled |= !isRead;
    extent(data, offset, first);
    if (first < granted) {
      boolean hole = isRead && state.grantsHoles && !current.isFilled;
      extent(hole ? RdmaExtentState4.PNFS_RDMA_NONE_DATA : data, offset + first, granted - first);
    }
  }

  private void extent(RdmaExtentState4 kind, long offset, long length) {
    try {
      boolean hole = kind == RdmaExtentState4.PNFS_RDMA_NONE_DATA;
      MemoryRegion region = hole ? null : state.register(current, offset, length);
      new RdmaExtent4(
              DEVICE,
              offset,
              hole ? 0 : region.key(),
              length,
              hole ? 0 : region.remoteAddress(),
              kind)
          .encode(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private int layoutReturn() {
    in.skip(12);
    int kind = in.int32();
    if (kind != LayoutConst4.LAYOUTRETURN4_FILE) {
      out.bool(false);
      return NFS4_OK;
    }
    long offset = in.int64();
    long length = in.int64();
    Stateid4 presented = Stateids.decode(in);
    in.int32();
    int answer = checkLayout(presented);
    if (answer != NFS4_OK) {
      return answer;
    }
    boolean all = offset == 0 && length == -1;
    if (all) {
      state.killRegions(current);
      current.layoutStateid = null;
      out.bool(false);
    } else {
      current.layoutStateid = current.layoutStateid.withSeqid(current.layoutStateid.seqid() + 1);
      out.bool(true);
      Stateids.encode(out, current.layoutStateid);
    }
    return NFS4_OK;
  }

  private int deviceInfo() {
    DeviceId4.decode(in);
    in.skip(8);
    FakeCompound.bitmap(in);
    out.int32(LayoutConst4.LAYOUT4_RDMA);
    int body = out.beginOpaque();
    NetAddr4 addr = NetAddr4.of("rdma", "127.0.0.1", state.listener.address().getPort());
    new RdmaDeviceAddr4(addr, RdmaDeviceAddr4.IWARP, state.offersFlush).encode(out);
    out.endOpaque(body);
    new Bitmap4().encode(out);
    return NFS4_OK;
  }
}
