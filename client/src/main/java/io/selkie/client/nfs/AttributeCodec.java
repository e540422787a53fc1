package io.selkie.client.nfs;

import io.selkie.client.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsTime4;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.time.DateTimeException;
import java.time.Instant;

/**
 * fattr4 as far as the library asks for it. Attributes come in the order of their numbers; one that
 * was not asked for cannot be skipped, because its size is unknown, so it is a protocol error.
 */
public final class AttributeCodec {
  private static final int NAME_BYTES_MAX = 1024;
  private static final Bitmap4 STATUS =
      Bitmap4.of(
          FileAttributes.FATTR4_TYPE,
          FileAttributes.FATTR4_CHANGE,
          FileAttributes.FATTR4_SIZE,
          FileAttributes.FATTR4_FSID,
          FileAttributes.FATTR4_FILEID,
          FileAttributes.FATTR4_MODE,
          FileAttributes.FATTR4_NUMLINKS,
          FileAttributes.FATTR4_OWNER,
          FileAttributes.FATTR4_OWNER_GROUP,
          FileAttributes.FATTR4_TIME_MODIFY);

  private AttributeCodec() {}

  /** What {@link #decode} understands: ask for this. */
  public static Bitmap4 statusAttributes() {
    return new Bitmap4().assign(STATUS);
  }

  /**
   * Attributes with the file system's id.
   *
   * @param fsidMajor 0 when not sent
   * @param fsidMinor 0 when not sent
   */
  public record Decoded(FileStatus status, long fsidMajor, long fsidMinor) {}

  /** Reads a fattr4. */
  public static Decoded decode(XdrReader in) {
    Bitmap4 sent = new Bitmap4().decode(in);
    int length = in.opaqueLength(in.remaining());
    int start = in.position();
    int end = in.beginNested(length);
    FileStatus.Type type = null;
    long change = -1;
    long size = -1;
    long fsidMajor = 0;
    long fsidMinor = 0;
    long fileId = -1;
    int mode = -1;
    int links = -1;
    String owner = null;
    String group = null;
    Instant modified = null;
    for (int number = sent.next(0); number >= 0; number = sent.next(number + 1)) {
      switch (number) {
        case FileAttributes.FATTR4_TYPE -> type = FileStatus.Type.of(in.int32());
        case FileAttributes.FATTR4_CHANGE -> change = in.int64();
        case FileAttributes.FATTR4_SIZE -> size = in.int64();
        case FileAttributes.FATTR4_FSID -> {
          fsidMajor = in.int64();
          fsidMinor = in.int64();
        }
        case FileAttributes.FATTR4_FILEID -> fileId = in.int64();
        case FileAttributes.FATTR4_MODE -> mode = in.int32();
        case FileAttributes.FATTR4_NUMLINKS -> links = in.int32();
        case FileAttributes.FATTR4_OWNER -> owner = in.utf8(NAME_BYTES_MAX);
        case FileAttributes.FATTR4_OWNER_GROUP -> group = in.utf8(NAME_BYTES_MAX);
        case FileAttributes.FATTR4_TIME_MODIFY -> modified = instant(NfsTime4.decode(in));
        default -> throw XdrException.Kind.BAD_ENUM.exception();
      }
    }
    in.endNested(end);
    in.position(start);
    in.skipOpaque(length);
    FileStatus status =
        new FileStatus(type, size, fileId, mode, links, owner, group, modified, change);
    return new Decoded(status, fsidMajor, fsidMinor);
  }

  /** A time beyond what Java knows counts as not sent. */
  private static Instant instant(NfsTime4 time) {
    try {
      return time.isValid() ? Instant.ofEpochSecond(time.seconds(), time.nanos()) : null;
    } catch (DateTimeException _) {
      return null;
    }
  }

  /** Writes a fattr4 that sets a mode, a size or both. -1 leaves one out. */
  public static void encode(XdrWriter out, long size, int mode) {
    Bitmap4 set = new Bitmap4();
    if (size >= 0) {
      set.set(FileAttributes.FATTR4_SIZE);
    }
    if (mode >= 0) {
      set.set(FileAttributes.FATTR4_MODE);
    }
    set.encode(out);
    int values = out.beginOpaque();
    if (size >= 0) {
      out.int64(size);
    }
    if (mode >= 0) {
      out.int32(mode);
    }
    out.endOpaque(values);
  }
}
