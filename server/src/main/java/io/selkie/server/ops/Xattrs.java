package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.posix.AccessModes;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.XattrFlags;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.ChangeInfo;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.VfsFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Extended attributes (RFC 8276): the {@code user.} namespace of the file system, without that
 * prefix on the wire. Names are bytes, not interpreted. Files and directories have them, nothing
 * else.
 */
final class Xattrs {

  private static final byte[] PREFIX = "user.".getBytes(US_ASCII);
  private static final int READ_TRIES = 4;

  private Xattrs() {}

  /** What the four have in common: names, rights, errors. */
  abstract static class XattrOperation extends FileOperation {

    XattrOperation(FileServices services, int opcode) {
      super(services, opcode);
    }

    /** Reads an xattrkey4. */
    static byte[] readKey(CompoundContext c) {
      return readName(c);
    }

    /** The name for the kernel of a checked key. */
    static byte[] kernelName(byte[] key) {
      byte[] name = Arrays.copyOf(PREFIX, PREFIX.length + key.length);
      System.arraycopy(key, 0, name, PREFIX.length, key.length);
      return name;
    }

    /** Whether a key can be one. */
    static int checkKey(byte[] key) {
      if (key.length == 0) {
        return NfsStat4.NFS4ERR_INVAL;
      }
      if (key.length > XattrFlags.NAME_MAX_BYTES - PREFIX.length) {
        return NfsStat4.NFS4ERR_NAMETOOLONG;
      }
      for (byte b : key) {
        if (b == 0) {
          return NfsStat4.NFS4ERR_INVAL;
        }
      }
      return NfsStat4.NFS4_OK;
    }

    /** Whether the file can have attributes, and its export can be changed. */
    final int check(VfsFile file, boolean write) {
      if (file.isPseudoRoot()) {
        return write ? NfsStat4.NFS4ERR_ROFS : NfsStat4.NFS4ERR_NOTSUPP;
      }
      if (write && file.export().map(Export::readOnly).orElse(true)) {
        return NfsStat4.NFS4ERR_ROFS;
      }
      FileStatus status = new FileStatus();
      int result = services.status(file, status);
      if (result != NfsStat4.NFS4_OK) {
        return result;
      }
      if (!status.isRegular() && !status.isDirectory()) {
        return NfsStat4.NFS4ERR_WRONG_TYPE;
      }
      // Before delegations are recalled for a change that is not made.
      return write ? services.mayUse(file, AccessModes.WRITE) : NfsStat4.NFS4_OK;
    }

    /**
     * Makes a change, once delegations of other clients are back, and answers with change_info4.
     */
    final int change(CompoundContext c, VfsFile file, LongSupplier action) {
      ChangePermit permit =
          Leave.ask(services, c, file.identity(), FileChange.METADATA, Descriptions.WHOLE_FILE);
      if (!(permit instanceof ChangePermit.Granted granted)) {
        return NfsStat4.NFS4ERR_DELAY;
      }
      try (granted) {
        long before = services.changeOf(file);
        long result = action.getAsLong();
        if (result >= 0) {
          encode(c.reply(), new ChangeInfo(before, services.changeOf(file)));
        }
        return statusOf(result);
      }
    }

    /** The status for what the kernel said about an attribute. */
    static int statusOf(long result) {
      if (result >= 0) {
        return NfsStat4.NFS4_OK;
      }
      return switch (Errno.of(result)) {
        case ENODATA -> NfsStat4.NFS4ERR_NOXATTR;
        case E2BIG -> NfsStat4.NFS4ERR_XATTR2BIG;
        case ERANGE -> NfsStat4.NFS4ERR_NAMETOOLONG;
        default -> NfsErrors.of(result);
      };
    }
  }

  /** GETXATTR, RFC 8276 section 8.4.1: from the kernel straight into the reply. */
  static final class Get extends XattrOperation {
    Get(FileServices services) {
      super(services, NfsOp4.OP_GETXATTR);
    }

    @Override
    public int execute(CompoundContext c) {
      byte[] key = readKey(c);
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      int status = checkKey(key);
      if (status == NfsStat4.NFS4_OK) {
        status = check(file, false);
      }
      return status == NfsStat4.NFS4_OK ? get(c.reply(), file, kernelName(key)) : status;
    }

    private int get(XdrWriter out, VfsFile file, byte[] name) {
      int start = out.position();
      // Somebody may make it larger between the question for its size and that for its value.
      for (int i = 0; i < READ_TRIES; i++) {
        long size = services.fs().xattrs().get(file, name, MemorySegment.NULL);
        if (size < 0) {
          return statusOf(size);
        }
        out.ensure(Integer.BYTES + Xdr.padded((int) size));
        int lengthAt = out.reserveInt32();
        long got = size;
        if (size > 0) {
          MemorySegment into = DataOperation.memory(out.buffer(), out.position(), (int) size);
          got = services.fs().xattrs().get(file, name, into);
        }
        if (got >= 0) {
          out.patchInt32(lengthAt, (int) got);
          DataOperation.pad(out, out.position(), (int) got);
          return NfsStat4.NFS4_OK;
        }
        if (!Errno.ERANGE.is(got)) {
          return statusOf(got);
        }
        out.rewind(start);
      }
      return NfsStat4.NFS4ERR_DELAY;
    }
  }

  /** SETXATTR, section 8.4.2: from the request straight into the kernel. */
  static final class Set extends XattrOperation {
    private static final int EITHER = 0;
    private static final int CREATE = 1;
    private static final int REPLACE = 2;

    Set(FileServices services) {
      super(services, NfsOp4.OP_SETXATTR);
    }

    @Override
    public int replyBytesMax() {
      return CHANGE_INFO_BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      XdrReader args = c.args();
      int option = args.enumeration(EITHER, REPLACE);
      byte[] key = readKey(c);
      int length = args.opaqueLength(Integer.MAX_VALUE);
      int valueAt = args.position();
      args.skipOpaque(length);
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      int status = checkKey(key);
      if (status == NfsStat4.NFS4_OK) {
        status = check(file, true);
      }
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      if (length > XattrFlags.VALUE_MAX_BYTES) {
        return NfsStat4.NFS4ERR_XATTR2BIG;
      }
      int flags =
          switch (option) {
            case CREATE -> XattrFlags.CREATE;
            case REPLACE -> XattrFlags.REPLACE;
            default -> 0;
          };
      MemorySegment value =
          length == 0 ? MemorySegment.NULL : DataOperation.memory(args.buffer(), valueAt, length);
      return change(c, file, () -> services.fs().xattrs().set(file, kernelName(key), value, flags));
    }
  }

  /**
   * LISTXATTRS, section 8.4.3. A cookie is how many names came before, in the order of the file
   * system.
   */
  static final class ListNames extends XattrOperation {
    private static final int OVERHEAD_BYTES = 8 + 4 + 4;

    ListNames(FileServices services) {
      super(services, NfsOp4.OP_LISTXATTRS);
    }

    @Override
    public int execute(CompoundContext c) {
      long cookie = c.args().int64();
      long maxCount = c.args().uint32();
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      int status = check(file, false);
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      List<byte[]> keys = new ArrayList<>();
      long result = read(file, keys);
      return result < 0 ? statusOf(result) : answer(c, keys, cookie, maxCount);
    }

    private long read(VfsFile file, List<byte[]> keys) {
      for (int i = 0; i < READ_TRIES; i++) {
        long size = services.fs().xattrs().list(file, MemorySegment.NULL);
        if (size <= 0) {
          return size;
        }
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment names = arena.allocate(size);
          long got = services.fs().xattrs().list(file, names);
          if (got >= 0) {
            split(names.asSlice(0, got).toArray(ValueLayout.JAVA_BYTE), keys);
            return got;
          }
          if (!Errno.ERANGE.is(got)) {
            return got;
          }
        }
      }
      return Errno.EAGAIN.result();
    }

    private static void split(byte[] names, List<byte[]> keys) {
      int start = 0;
      for (int i = 0; i < names.length; i++) {
        if (names[i] == 0) {
          int prefixEnd = start + PREFIX.length;
          if (i > prefixEnd && Arrays.equals(names, start, prefixEnd, PREFIX, 0, PREFIX.length)) {
            keys.add(Arrays.copyOfRange(names, prefixEnd, i));
          }
          start = i + 1;
        }
      }
    }

    private static int answer(CompoundContext c, List<byte[]> keys, long cookie, long maxCount) {
      XdrWriter out = c.reply();
      long room = Math.min(maxCount, c.replyRoom()) - OVERHEAD_BYTES;
      // A name may have gone since the cookie was given: then nothing is left.
      int first = cookie < 0 || cookie > keys.size() ? keys.size() : (int) cookie;
      int next = first;
      while (next < keys.size() && room >= Xdr.opaqueBytes(keys.get(next).length)) {
        room -= Xdr.opaqueBytes(keys.get(next).length);
        next++;
      }
      if (room < 0 || (next == first && next < keys.size())) {
        return maxCount <= c.replyRoom() ? NfsStat4.NFS4ERR_TOOSMALL : c.tooBigStatus();
      }
      out.int64(next);
      out.int32(next - first);
      for (byte[] key : keys.subList(first, next)) {
        out.opaque(key);
      }
      out.bool(next == keys.size());
      return NfsStat4.NFS4_OK;
    }
  }

  /** REMOVEXATTR, section 8.4.4. */
  static final class Remove extends XattrOperation {
    Remove(FileServices services) {
      super(services, NfsOp4.OP_REMOVEXATTR);
    }

    @Override
    public int replyBytesMax() {
      return CHANGE_INFO_BYTES;
    }

    @Override
    public int execute(CompoundContext c) {
      byte[] key = readKey(c);
      if (!(c.currentFile() instanceof VfsFile file)) {
        return NfsStat4.NFS4ERR_NOFILEHANDLE;
      }
      int status = checkKey(key);
      if (status == NfsStat4.NFS4_OK) {
        status = check(file, true);
      }
      if (status != NfsStat4.NFS4_OK) {
        return status;
      }
      return change(c, file, () -> services.fs().xattrs().remove(file, kernelName(key)));
    }
  }
}
