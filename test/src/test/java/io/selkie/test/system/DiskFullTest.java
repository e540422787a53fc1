package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
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

  private void startOn(SmallFileSystem newSmall) throws Exception {
    small = newSmall;
    server = small.server("").start();
  }

  @BeforeEach
  void makePlace() throws Exception {
    scratch = ServerUnderTest.scratch();
  }

  @AfterEach
  void stop() throws Exception {
    if (server != null) {
      server.close();
    }
    if (small != null) {
      small.close();
    }
    scratch.close();
  }

  @Test
  @Tag("debian")
  void stableWritesIntoAFullFileSystemFailAndThoseBeforeAreKept() throws Exception {
    startOn(SmallFileSystem.mounted(scratch.path()));
    writesBeyondTheRoomFailAndThoseBeforeAreKept(true);
  }

  @Test
  @Tag("debian")
  void unstableWritesIntoAFullFileSystemFailAndTheCommitKeepsThoseBefore() throws Exception {
    startOn(SmallFileSystem.mounted(scratch.path()));
    writesBeyondTheRoomFailAndThoseBeforeAreKept(false);
  }

  @Test
  void stableWritesIntoAFileThatIsKeptShortFailAndThoseBeforeAreKept() throws Exception {
    startOn(SmallFileSystem.keptShort(scratch.path()));
    writesBeyondTheRoomFailAndThoseBeforeAreKept(true);
  }

  @Test
  void unstableWritesIntoAFileThatIsKeptShortFailAndTheCommitKeepsThoseBefore() throws Exception {
    startOn(SmallFileSystem.keptShort(scratch.path()));
    writesBeyondTheRoomFailAndThoseBeforeAreKept(false);
  }

  /** What WRITE answered: how much, how durable, and under which verifier. */
  private record Written(int bytes, int committed, long verifier) {
    static Written read(RawNfs.Reply reply) throws IOException {
      reply.result(Op.PUTFH);
      reply.result(Op.WRITE);
      return new Written(reply.body().getInt(), reply.body().getInt(), reply.body().getLong());
    }
  }

  private void writesBeyondTheRoomFailAndThoseBeforeAreKept(boolean stable) throws Exception {
    Path file = Files.createFile(small.directory().resolve("grows"));
    long written = 0;
    int status = 0;
    Set<Long> verifiers = new HashSet<>();
    try (RawNfs nfs = RawNfs.connect(server.nfs(), "filler")) {
      RawNfs.OpenFile opened = nfs.open(server.exportName(), "grows");
      Op putFh = Op.putFh(opened.handle().bytes());
      while (status == 0 && written < 4 * SmallFileSystem.SIZE_BYTES) {
        byte[] chunk = new byte[CHUNK_BYTES];
        Arrays.fill(chunk, (byte) (written / CHUNK_BYTES));
        byte[] stateid = opened.stateid().bytes();
        RawNfs.Reply reply =
            nfs.compound(
                putFh,
                stable
                    ? Op.write(stateid, written, chunk)
                    : Op.writeUnstable(stateid, written, chunk));
        status = reply.status();
        if (status == 0) {
          Written done = Written.read(reply);
          assertThat(done.committed()).as("stable_how4").isEqualTo(stable ? 2 : 0);
          written += done.bytes();
          verifiers.add(done.verifier());
        }
      }
      assertThat(status).as("status when full").isEqualTo(small.statusWhenFull());
      assertThat(written).isGreaterThan(CHUNK_BYTES);
      if (!stable) {
        RawNfs.Reply committed = nfs.compound(putFh, Op.commit()).expectOk();
        committed.result(Op.PUTFH);
        committed.result(Op.COMMIT);
        assertThat(verifiers)
            .as("none of what was acknowledged need be sent again")
            .containsExactly(committed.body().getLong());
      }
      assertThat(nfs.compound(Op.putRootFh()).status()).as("the session goes on").isZero();
    }
    byte[] all = Files.readAllBytes(file);
    assertThat(all.length).isGreaterThanOrEqualTo((int) written);
    for (int at = 0; at < written; at += CHUNK_BYTES / 2) {
      assertThat(all[at]).as("byte %d", at).isEqualTo((byte) (at / CHUNK_BYTES));
    }
  }

  @Test
  @Tag("debian")
  void layoutThatDoesNotFitIsRefusedAndOneThatWasGrantedCanBeWrittenWhole() throws Exception {
    startOn(SmallFileSystem.mounted(scratch.path()));
    whatDoesNotFitIsRefusedAndALayoutThatWasGrantedCanBeWrittenWhole();
  }

  @Test
  void writeThatIsTooLongIsRefusedAndALayoutThatWasGrantedCanBeWrittenWhole() throws Exception {
    startOn(SmallFileSystem.keptShort(scratch.path()));
    whatDoesNotFitIsRefusedAndALayoutThatWasGrantedCanBeWrittenWhole();
  }

  private void whatDoesNotFitIsRefusedAndALayoutThatWasGrantedCanBeWrittenWhole() throws Exception {
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
