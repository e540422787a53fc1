package io.selkie.server.admin;

import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMapReader;
import io.selkie.lease.BlockMapReader.MapRead;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.OpenFileTable;
import java.util.List;
import java.util.Optional;

/**
 * Block maps of files that the server has open anyway, read through the description it has: another
 * one would break its own lease. Safe for use by several threads; blocks as FIEMAP does.
 */
public final class FileMaps {

  private static final int EXTENTS_PER_PAGE = 512;
  private static final int EXTENTS_MAX = 65_536;

  private final Kernel kernel;
  private final OpenFileTable files;
  private final BlockMapReader reader;

  /** Of the files that are in a table. */
  public FileMaps(Kernel kernel, OpenFileTable files) {
    this.kernel = kernel;
    this.files = files;
    this.reader = new BlockMapReader(kernel, EXTENTS_PER_PAGE, EXTENTS_MAX);
  }

  /**
   * A file and its map now.
   *
   * @param coarse whether neighbours are told as one, as there are too many
   */
  record FileMap(String path, long sizeBytes, boolean dax, BlockMap map, boolean coarse) {}

  /** Empty when the file is not open, or is being closed. */
  Optional<FileMap> read(FileIdentity identity) throws AdminException {
    Optional<OpenFile> open = files.find(identity);
    if (open.isEmpty()) {
      return Optional.empty();
    }
    OpenFile file = open.get();
    try {
      FileStatus status = new FileStatus();
      int result =
          kernel.statx(file.fd(), new byte[0], AtFlags.EMPTY_PATH, FileStatus.MASK_BASIC, status);
      if (result < 0) {
        throw failed("statx", file, result);
      }
      long size = status.size();
      if (size == 0) {
        BlockMap none = new BlockMap(identity.device(), new ByteRange(0, 0), List.of());
        return Optional.of(new FileMap(file.describe(), 0, status.isDax(), none, false));
      }
      ByteRange whole = new ByteRange(0, size);
      MapRead read = reader.read(file.fd(), identity.device(), whole);
      boolean coarse = read instanceof MapRead.TooFragmented;
      if (coarse) {
        read = reader.readCoarsely(file.fd(), identity.device(), whole);
      }
      return switch (read) {
        case MapRead.Found(BlockMap map) ->
            Optional.of(new FileMap(file.describe(), size, status.isDax(), map, coarse));
        case MapRead.Failed(int errno) -> throw failed("FIEMAP", file, errno);
        case MapRead.TooFragmented(int most) ->
            throw new AdminException(
                Code.FAILED, "%s has more than %d pieces".formatted(file.describe(), most));
        case MapRead.Unstable(int tries) ->
            throw new AdminException(
                Code.FAILED,
                "%s changes while it is read, %d times; ask again"
                    .formatted(file.describe(), tries));
      };
    } finally {
      // It may be the last reference, whose close waits for the disk.
      file.releaseElsewhere();
    }
  }

  private static AdminException failed(String call, OpenFile file, int result) {
    return new AdminException(
        Code.FAILED, "%s of %s: %s".formatted(call, file.describe(), Errno.describe(result)));
  }
}
