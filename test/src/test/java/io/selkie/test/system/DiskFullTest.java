package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Goal: a file system with no room left is a clear status for who wanted to grow a file, never a
 * half-kept promise: what was acknowledged is there, and a layout granted can be written in full.
 */
class DiskFullTest {

  private static final int NFS4ERR_LAYOUTUNAVAILABLE = 10059;
  private static final int CHUNK_BYTES = 512 << 10;
  private static final int SEALED_BYTES = 1 << 20;

  private ScratchDirectory scratch;
  private SmallFileSystem small;
  private ServerProcess server;

  @BeforeEach
  void start() throws Exception {
    scratch = ServerUnderTest.scratch();
    small = SmallFileSystem.make(scratch.path());
    server = small.server("").start();
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
    small.close();
    scratch.close();
  }

  @Test
  void writesBeyondTheRoomFailWithTheReasonAndThoseBeforeAreKept() throws Exception {
    Path file = Files.createFile(small.directory().resolve("grows"));
    long written = 0;
    int status = 0;
    try (RawNfs nfs = RawNfs.connect(server.nfs(), "filler")) {
      RawNfs.OpenFile opened = nfs.open(server.exportName(), "grows");
      while (status == 0 && written < 4 * SmallFileSystem.SIZE_BYTES) {
        byte[] chunk = new byte[CHUNK_BYTES];
        Arrays.fill(chunk, (byte) (written / CHUNK_BYTES));
        RawNfs.Reply reply =
            nfs.compound(
                Op.putFh(opened.handle().bytes()),
                Op.write(opened.stateid().bytes(), written, chunk));
        status = reply.status();
        if (status == 0) {
          reply.result(Op.PUTFH);
          reply.result(Op.WRITE);
          written += reply.body().getInt();
        }
      }
      assertThat(status).as("status when full").isEqualTo(small.statusWhenFull());
      assertThat(written).isGreaterThan(CHUNK_BYTES);
      assertThat(nfs.compound(Op.putRootFh()).status()).as("the session goes on").isZero();
    }
    byte[] all = Files.readAllBytes(file);
    assertThat(all.length).isGreaterThanOrEqualTo((int) written);
    for (int at = 0; at < written; at += CHUNK_BYTES / 2) {
      assertThat(all[at]).as("byte %d", at).isEqualTo((byte) (at / CHUNK_BYTES));
    }
  }

  @Test
  void whatDoesNotFitIsRefusedAndALayoutThatWasGrantedCanBeWrittenWhole() throws Exception {
    Path sealed = Files.createFile(small.directory().resolve("sealed"));
    setLength(sealed, SEALED_BYTES);
    Path greedy = Files.createFile(small.directory().resolve("greedy"));
    setLength(greedy, 4 * SmallFileSystem.SIZE_BYTES);
    byte[] content = new byte[SEALED_BYTES];
    Arrays.fill(content, (byte) 's');
    try (RawNfs nfs = RawNfs.connect(server.nfs(), "greedy")) {
      RawNfs.OpenFile modest = nfs.open(server.exportName(), "sealed");
      RawNfs.Layout layout = nfs.layoutGet(modest, modest.stateid(), Op.IOMODE_RW, 0, SEALED_BYTES);
      assertThat(layout.status()).as("the layout of a file that fits").isZero();
      RawNfs.OpenFile huge = nfs.open(server.exportName(), "greedy");
      // A file system that is full refuses blocks; a process whose files must stay short may have
      // blocks inside a file that is long already, but may not make one longer.
      Op tooMuch =
          small.canFillUp()
              ? Op.layoutGet(
                  huge.stateid().bytes(),
                  Op.IOMODE_RW,
                  0,
                  4 * SmallFileSystem.SIZE_BYTES,
                  4 * SmallFileSystem.SIZE_BYTES)
              : Op.write(huge.stateid().bytes(), 4 * SmallFileSystem.SIZE_BYTES, new byte[1]);
      assertThat(nfs.compound(Op.putFh(huge.handle().bytes()), tooMuch).status())
          .as("more than there is room for")
          .isIn(NFS4ERR_LAYOUTUNAVAILABLE, small.statusWhenFull());
      try (OneSided access =
          new OneSided(server.rdma(), nfs.sessionId(), layout.extents().getFirst())) {
        access.write(0, content);
        assertThat(access.read(0, SEALED_BYTES)).isEqualTo(content);
      }
    }
  }

  private static void setLength(Path file, long bytes) throws Exception {
    try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
      opened.setLength(bytes);
    }
  }
}
