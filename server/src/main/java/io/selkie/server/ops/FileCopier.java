package io.selkie.server.ops;

import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.FileProbes;
import io.selkie.lease.Probe;
import io.selkie.posix.Errno;
import io.selkie.server.metrics.Metric;
import io.selkie.server.vfs.OpenFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Copies ranges between files inside of the kernel, with the arbiter's leave. Where the file system
 * can share blocks the kernel may do that instead of copying, so it is a change of the source's map
 * too. Where the kernel cannot copy between two files it is done by reading and writing.
 *
 * <p>Safe for use by several threads.
 */
final class FileCopier {

  /** Not a result of the kernel: a layout has to come back first. */
  static final long DELAYED = Long.MIN_VALUE;

  /** As much as is copied in one go: some ten milliseconds on a disk that is not slow. */
  private static final long PIECE_BYTES = 4 << 20;

  /** The same where blocks are shared, not copied. */
  private static final long SHARED_PIECE_BYTES = 256 << 20;

  /** Every file system's blocks fit into it. */
  private static final long ALIGNMENT_BYTES = 65_536;

  private static final int BUFFER_BYTES = 1 << 20;

  private final FileServices services;
  private final FileProbes probes;

  FileCopier(FileServices services) {
    this.services = services;
    this.probes = new FileProbes(services.own());
  }

  /**
   * Whether the files can share blocks, as far as that can be known.
   *
   * @param target open for writing
   */
  Probe.Answer canShare(OpenFile source, OpenFile target) {
    long device = target.identity().device();
    return source.identity().device() == device
        ? probes.reflink(target.fd(), device, true).answer()
        : Probe.Answer.NO;
  }

  /**
   * Copies the first piece of a range.
   *
   * @param length at least 1
   * @param obstacles gets the files of which only delegations are in the way, see {@link Leave#ask}
   * @return bytes copied; 0 where the source ends; {@link #DELAYED}; or {@code -errno}
   */
  long copy(
      OpenFile source,
      long from,
      OpenFile target,
      long to,
      long length,
      long clientId,
      List<FileIdentity> obstacles) {
    Probe.Answer share = canShare(source, target);
    boolean aligned = from % ALIGNMENT_BYTES == 0 && to % ALIGNMENT_BYTES == 0;
    long most = share == Probe.Answer.YES && aligned ? SHARED_PIECE_BYTES : PIECE_BYTES;
    long bytes = Math.min(length, most);
    boolean mayShare = share != Probe.Answer.NO;
    FileChange change = mayShare ? FileChange.REMAP : FileChange.WRITE;
    ChangePermit into = ask(target, change, new ByteRange(to, bytes), clientId, obstacles);
    if (!(into instanceof ChangePermit.Granted granted)) {
      return DELAYED;
    }
    try (granted) {
      long copied =
          mayShare
              ? sharing(source, from, target, to, bytes, clientId, obstacles)
              : reading(source, from, target, to, bytes, clientId, obstacles);
      if (copied > 0) {
        services.metrics().counter(Metric.NFS_COPY_BYTES).inc(copied);
      }
      return copied;
    }
  }

  private ChangePermit ask(
      OpenFile file,
      FileChange change,
      ByteRange range,
      long clientId,
      List<FileIdentity> obstacles) {
    ChangePermit permit = services.arbiter().beforeChange(file.identity(), change, range, clientId);
    if (permit instanceof ChangePermit.Delay delay && delay.soon()) {
      obstacles.add(file.identity());
    }
    return permit;
  }

  private long sharing(
      OpenFile source,
      long from,
      OpenFile target,
      long to,
      long bytes,
      long clientId,
      List<FileIdentity> obstacles) {
    ChangePermit outOf =
        ask(source, FileChange.SHARE, new ByteRange(from, bytes), clientId, obstacles);
    if (!(outOf instanceof ChangePermit.Granted granted)) {
      return DELAYED;
    }
    try (granted) {
      return inKernel(source, from, target, to, bytes);
    }
  }

  /** Clients may have written to the source's device past the page cache that is read here. */
  private long reading(
      OpenFile source,
      long from,
      OpenFile target,
      long to,
      long bytes,
      long clientId,
      List<FileIdentity> obstacles) {
    if (!services.isBypassed(source.identity())) {
      return inKernel(source, from, target, to, bytes);
    }
    ChangePermit outOf =
        ask(source, FileChange.READ_STORED, Descriptions.WHOLE_FILE, clientId, obstacles);
    if (!(outOf instanceof ChangePermit.Granted granted)) {
      return DELAYED;
    }
    try (granted) {
      return inKernel(source, from, target, to, bytes);
    }
  }

  private long inKernel(OpenFile source, long from, OpenFile target, long to, long bytes) {
    long copied = services.kernel().copyFileRange(source.fd(), from, target.fd(), to, bytes);
    return copied < 0 && isNoWay(copied) ? byHand(source, from, target, to, bytes) : copied;
  }

  /** Between some file systems, and on some of them, the kernel does not copy. */
  private static boolean isNoWay(long result) {
    return Errno.EXDEV.is(result)
        || Errno.EINVAL.is(result)
        || Errno.EOPNOTSUPP.is(result)
        || Errno.ENOSYS.is(result);
  }

  private long byHand(OpenFile source, long from, OpenFile target, long to, long bytes) {
    long copied = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(Math.min(bytes, BUFFER_BYTES), 8);
      while (copied < bytes) {
        MemorySegment part = buffer.asSlice(0, Math.min(bytes - copied, buffer.byteSize()));
        long got = services.fs().read(source, part, from + copied);
        long put = got <= 0 ? got : write(target, part.asSlice(0, got), to + copied);
        if (put <= 0) {
          return copied > 0 ? copied : put;
        }
        copied += put;
      }
    }
    return copied;
  }

  private long write(OpenFile target, MemorySegment data, long offset) {
    return services.fs().write(target, data, offset);
  }
}
