package io.selkie.test.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.FiemapPage;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import io.selkie.test.wire.RawNfs.Reply;
import io.selkie.test.wire.XdrBytes;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file of many extents: how long its map takes to read, and how long a layout of all of it. */
final class FragmentedFile {

  private static final int BLOCK = 4096;
  private static final long ALL = -1;

  private final Path path;
  private final long bytes;

  private FragmentedFile(Path path, long bytes) {
    this.path = path;
    this.bytes = bytes;
  }

  /** Makes it, of so many blocks, each of which has its neighbours elsewhere. */
  static FragmentedFile make(Path path, int blocks) throws IOException {
    Path other = path.resolveSibling(path.getFileName() + ".other");
    try (FileChannel one = open(path);
        FileChannel two = open(other)) {
      ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
      for (int i = 0; i < blocks; i++) {
        one.write(block.clear(), (long) i * BLOCK);
        two.write(block.clear(), (long) i * BLOCK);
      }
      one.force(true);
    }
    return new FragmentedFile(path, (long) blocks * BLOCK);
  }

  private static FileChannel open(Path path) throws IOException {
    return FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
  }

  /** Reads the map once by nothing but the system call, as many extents at a time as there are. */
  long fiemapNanos(int extentsMin) {
    LinuxKernel kernel = new LinuxKernel();
    FiemapPage page = new FiemapPage(1 << 15);
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path.toString()),
            OpenFlags.RDONLY | OpenFlags.CLOEXEC,
            0,
            0);
    try {
      // Once before, for what was allocated for it just now.
      assertThat(kernel.fiemap(fd, 0, bytes, 0, page)).isGreaterThanOrEqualTo(extentsMin);
      long begin = NanoClock.system().nanoTime();
      int extents = kernel.fiemap(fd, 0, bytes, 0, page);
      long nanos = NanoClock.system().nanoTime() - begin;
      assertThat(extents).isGreaterThanOrEqualTo(extentsMin);
      return nanos;
    } finally {
      kernel.close(fd);
    }
  }

  /**
   * Has a client of its own get layouts for reading of all of it, and give them back; how long the
   * LAYOUTGETs took.
   *
   * @param maxCount loga_maxcount of each
   */
  long layoutNanos(InetSocketAddress server, String export, String owner, int maxCount)
      throws IOException {
    RawNfs client = RawNfs.connect(server, owner);
    RawNfs.OpenFile file = client.open(export, path.getFileName().toString());
    byte[] stateid = file.stateid().bytes();
    long nanos = 0;
    int layouts = 0;
    for (long at = 0; at < bytes; layouts++) {
      XdrBytes arguments =
          new XdrBytes()
              .u32(0)
              .u32(LayoutConst4.LAYOUT4_BLOCK_VOLUME)
              .u32(LayoutConst4.LAYOUTIOMODE4_READ)
              .u64(at)
              .u64(ALL)
              .u64(1)
              .fixed(stateid)
              .u32(maxCount);
      long begin = NanoClock.system().nanoTime();
      Reply reply =
          client.compound(Op.putFh(file.handle().bytes()), new Op(Op.LAYOUTGET, arguments));
      nanos += NanoClock.system().nanoTime() - begin;
      reply.expectOk();
      reply.result(Op.PUTFH);
      reply.result(Op.LAYOUTGET);
      reply.body().getInt();
      stateid = reply.bytes(16);
      assertThat(reply.body().getInt()).as("layouts in the reply").isEqualTo(1);
      long from = reply.body().getLong();
      at = from + reply.body().getLong();
    }
    assertThat(layouts).as("LAYOUTGETs for all of it").isPositive();
    XdrBytes all =
        new XdrBytes()
            .u32(0)
            .u32(LayoutConst4.LAYOUT4_BLOCK_VOLUME)
            .u32(LayoutConst4.LAYOUTIOMODE4_READ)
            .u32(LayoutConst4.LAYOUTRETURN4_FILE)
            .u64(0)
            .u64(ALL)
            .fixed(stateid)
            .u32(0);
    client.compound(Op.putFh(file.handle().bytes()), new Op(Op.LAYOUTRETURN, all)).expectOk();
    return nanos;
  }
}
