package io.selkie.server.ops;

import io.selkie.posix.AccessModes;
import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.ops.attr.AttrSets;
import io.selkie.server.vfs.DirectoryReader;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.VfsFile;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** READDIR, RFC 8881 section 18.23. */
final class ReadDir extends FileOperation {

  /** The end of the list and the end-of-directory flag. */
  private static final int TAIL_BYTES = 4 + 4;

  /** What a directory itself says of its entries, to whoever may read it but not search it. */
  private static final Bitmap4 READERS_ATTRIBUTES =
      new Bitmap4()
          .set(FileAttributes.FATTR4_TYPE)
          .set(FileAttributes.FATTR4_RDATTR_ERROR)
          .set(FileAttributes.FATTR4_FILEID)
          .set(FileAttributes.FATTR4_MOUNTED_ON_FILEID);

  ReadDir(FileServices services) {
    super(services, NfsOp4.OP_READDIR);
  }

  @Override
  public int execute(CompoundContext c) {
    XdrReader args = c.args();
    long cookie = args.int64();
    long verifier = args.int64();
    long dirCount = args.uint32();
    long maxCount = args.uint32();
    Bitmap4 asked = new Bitmap4().decode(args);
    if (!(c.currentFile() instanceof VfsFile directory)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    if (services.support(directory, c.minorVersion()).asksWriteOnly(asked)) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    if (cookie == 1 || cookie == 2) {
      return NfsStat4.NFS4ERR_BAD_COOKIE;
    }
    long ourVerifier = services.fs().cookieVerifier(directory);
    if (cookie != 0 && verifier != ourVerifier) {
      return NfsStat4.NFS4ERR_NOT_SAME;
    }
    int status = services.mayUse(directory, AccessModes.READ);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    int searched = NfsStat4.NFS4_OK;
    if (asksToSearch(asked)) {
      searched = services.mayUse(directory, AccessModes.EXECUTE);
      if (searched != NfsStat4.NFS4_OK && searched != NfsStat4.NFS4ERR_ACCESS) {
        return searched;
      }
    }
    XdrWriter out = c.reply();
    int end = out.position() + (int) Math.min(maxCount, c.replyRoom());
    // Who is to blame for it when nothing fits: the client's maxcount, or the session's channel.
    int noRoom = maxCount <= c.replyRoom() ? NfsStat4.NFS4ERR_TOOSMALL : c.tooBigStatus();
    if (end - out.position() < Long.BYTES + TAIL_BYTES) {
      return noRoom;
    }
    out.int64(ourVerifier);
    Entries entries =
        new Entries(out, end - TAIL_BYTES, noRoom, dirCount, asked, searched, c.minorVersion());
    List<VfsFile> roots =
        entries.wantsFiles()
            ? services.fs().rootsIn(directory, cookie, export -> isVisible(c, export))
            : List.of();
    return roots.isEmpty()
        ? list(c, directory, cookie, entries)
        : look(c, directory, cookie, entries, roots, 0);
  }

  private boolean isVisible(CompoundContext c, Export export) {
    return services.admission().isVisible(c, export);
  }

  private int list(CompoundContext c, VfsFile directory, long cookie, Entries entries) {
    int status =
        services
            .fs()
            .readDirectory(
                directory, cookie, entries.wantsFiles(), export -> isVisible(c, export), entries);
    return status == NfsStat4.NFS4_OK ? entries.finish() : status;
  }

  /**
   * Looks at the exports that lie in the directory, at each among the workers of its own disk, and
   * then lists.
   *
   * @param next which of the roots is next
   */
  private int look(
      CompoundContext c,
      VfsFile directory,
      long cookie,
      Entries entries,
      List<VfsFile> roots,
      int next) {
    boolean inOrder = directory.isPseudoRoot();
    if (next == roots.size() || (inOrder && entries.looksFill())) {
      return inOrder
          ? list(c, directory, cookie, entries)
          : c.moveTo(
              directory.place(),
              (context, nothing, failure) -> list(context, directory, cookie, entries));
    }
    VfsFile root = roots.get(next);
    return c.moveTo(
        root.place(),
        (context, nothing, failure) -> {
          entries.lookAt(root);
          return look(context, directory, cookie, entries, roots, next + 1);
        });
  }

  /**
   * Whether more is asked than a reader of the directory is told: that takes a look at the file.
   */
  private static boolean asksToSearch(Bitmap4 asked) {
    return !READERS_ATTRIBUTES.containsAll(asked);
  }

  /**
   * What an export's root looks like.
   *
   * @param status an NFS status
   * @param attributes its fattr4 if that is NFS4_OK; null when it does not fit in any reply
   */
  @SuppressWarnings("ArrayRecordComponent") // Copied out, never compared.
  private record Look(int status, byte[] attributes) {}

  /** Writes entries as they come, as many as fit. */
  private final class Entries implements DirectoryReader.Sink {
    private final XdrWriter out;
    private final int end;

    /** What it is called when not even the first entry fits. */
    private final int noRoom;

    private final Bitmap4 asked;

    /** NFS4ERR_ACCESS when the user may not look at what the names stand for. */
    private final int searched;

    private final int minorVersion;

    /** Bytes of cookies and names that dircount still allows. */
    private long namesLeft;

    private final Map<VfsFile, Look> looks = new HashMap<>();
    private long looksBytes;
    private int count;
    private boolean eof;
    private int failure = NfsStat4.NFS4_OK;

    Entries(
        XdrWriter out,
        int end,
        int noRoom,
        long dirCount,
        Bitmap4 asked,
        int searched,
        int minorVersion) {
      // A limit of nothing is none (section 18.23.3).
      this.namesLeft = dirCount == 0 ? Long.MAX_VALUE : dirCount;
      this.minorVersion = minorVersion;
      this.out = out;
      this.end = end;
      this.noRoom = noRoom;
      this.asked = asked;
      this.searched = searched;
    }

    /** Whether what the names stand for is looked at. */
    boolean wantsFiles() {
      return !asked.isEmpty() && searched == NfsStat4.NFS4_OK;
    }

    /** Looks at an export's root, and keeps what is to be said of it. */
    void lookAt(VfsFile root) {
      int start = out.position();
      Look look;
      try {
        FileStatus status = new FileStatus();
        int result = services.fs().getAttributes(root, status);
        if (result == NfsStat4.NFS4_OK) {
          result = encode(root, status);
        }
        byte[] attributes = new byte[out.position() - start];
        out.buffer().get(start, attributes);
        look = new Look(result, attributes);
        looksBytes += attributes.length;
      } catch (XdrException e) {
        if (e.kind() != XdrException.Kind.NO_SPACE) {
          throw e;
        }
        look = new Look(NfsStat4.NFS4_OK, null);
      }
      out.rewind(start);
      looks.put(root, look);
    }

    /** Whether more would hardly fit into the reply. */
    boolean looksFill() {
      return looksBytes > roomBytes();
    }

    private int encode(VfsFile file, FileStatus status) {
      FileAttrSource source = new FileAttrSource(services, file, status).under(minorVersion);
      int prepared = source.prepare(asked);
      if (prepared == NfsStat4.NFS4_OK) {
        AttrSets.encode(out, asked, source);
      }
      return prepared;
    }

    @Override
    public boolean entry(long cookie, byte[] name, int found, VfsFile file, FileStatus status) {
      int outcome = searched == NfsStat4.NFS4_OK ? found : searched;
      Look look = file != null && status == null ? looks.get(file) : null;
      if (file != null && status == null) {
        if (look == null && count > 0 && looksFill()) {
          return false;
        }
        // One that came in between is seen the next time.
        outcome = look == null ? NfsStat4.NFS4ERR_DELAY : look.status();
      }
      if (outcome != NfsStat4.NFS4_OK && !asked.isSet(FileAttributes.FATTR4_RDATTR_ERROR)) {
        // Nobody asked to be told of the one, so it is the whole that fails; what is there already
        // can be given first.
        failure = count == 0 ? outcome : NfsStat4.NFS4_OK;
        return false;
      }
      int nameBytes = Long.BYTES + Integer.BYTES + Xdr.padded(name.length);
      if (nameBytes > namesLeft && count > 0) {
        return false;
      }
      int start = out.position();
      try {
        out.bool(true);
        out.int64(cookie);
        out.opaque(name);
        if (outcome != NfsStat4.NFS4_OK) {
          encodeError(outcome);
        } else if (asked.isEmpty()) {
          new Bitmap4().encode(out);
          out.int32(0);
        } else if (look != null) {
          if (look.attributes() == null) {
            out.rewind(start);
            return false;
          }
          out.raw(ByteBuffer.wrap(look.attributes()));
        } else {
          int prepared = encode(file, status);
          if (prepared != NfsStat4.NFS4_OK) {
            out.rewind(start);
            return entry(cookie, name, prepared, null, null);
          }
        }
      } catch (XdrException e) {
        if (e.kind() != XdrException.Kind.NO_SPACE) {
          throw e;
        }
        out.rewind(start);
        return false;
      }
      if (out.position() > end) {
        out.rewind(start);
        return false;
      }
      count++;
      namesLeft -= nameBytes;
      return true;
    }

    private void encodeError(int outcome) {
      new Bitmap4().set(FileAttributes.FATTR4_RDATTR_ERROR).encode(out);
      int length = out.beginOpaque();
      out.int32(outcome);
      out.endOpaque(length);
    }

    @Override
    public int roomBytes() {
      return end - out.position();
    }

    @Override
    public void atEnd() {
      eof = true;
    }

    int finish() {
      if (failure != NfsStat4.NFS4_OK) {
        return failure;
      }
      if (count == 0 && !eof) {
        return noRoom;
      }
      out.bool(false);
      out.bool(eof);
      return NfsStat4.NFS4_OK;
    }
  }
}
