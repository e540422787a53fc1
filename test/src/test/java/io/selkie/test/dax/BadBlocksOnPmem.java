package io.selkie.test.dax;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.lease.PmemFileSystem;
import io.selkie.server.SelkieServer;
import io.selkie.test.support.LongRecall;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: who reads bad blocks of persistent memory on the wire gets NFS4ERR_IO, by whatever
 * operation, and all else of the file as ever.
 */
@Timeout(400)
class BadBlocksOnPmem {
  private static final int BYTES = 1 << 20;
  private static final int BAD = 512 * 1024 + 8192;
  private static final int PAGE = SpoiledDisk.PAGE_BYTES;
  private static final int NFS4ERR_IO = 5;

  private static Path written(SpoiledDisk disk, String name) throws IOException {
    return Files.write(disk.root().resolve(name), MediaOnPmem.pattern(BYTES, 3));
  }

  @ParameterizedTest(name = "readsOfThemAreErrorsOnTheWire on {0}")
  @ValueSource(strings = {"mkfs.xfs -q -f -m reflink=1", "mkfs.ext4 -q -F -b 4096"})
  void readsOfThemAreErrorsOnTheWire(String mkfs) throws Exception {
    Path state = Files.createTempDirectory("state-");
    byte[] content = MediaOnPmem.pattern(BYTES, 3);
    try (SpoiledDisk disk = SpoiledDisk.make(mkfs)) {
      Path file = written(disk, "file");
      Files.write(disk.root().resolve("copy"), new byte[BYTES]);
      PmemFileSystem.run("sync");
      String export = "{path: " + disk.root() + ", name: media}";
      try (SelkieServer server = MediaOnPmem.serve(state, LongRecall.config(), export);
          RawNfs nfs = RawNfs.connect(server.nfsAddress(), "reader")) {
        var wire = new Wire(nfs, nfs.open("media", "file"), nfs.open("media", "copy"));
        assertThat(wire.read(BAD, PAGE)).isEqualTo(part(content, BAD, PAGE));
        disk.spoil(file, BAD);

        for (int at : new int[] {BAD, BAD + 1, BAD + PAGE - 1}) {
          assertThat(wire.readStatus(at, 1)).as("READ of %s", at).isEqualTo(NFS4ERR_IO);
          assertThat(wire.readPlusStatus(at, 1)).as("READ_PLUS of %s", at).isEqualTo(NFS4ERR_IO);
          assertThat(wire.copyStatus(at, 1)).as("COPY of %s", at).isEqualTo(NFS4ERR_IO);
        }
        assertThat(wire.readStatus(BAD, 2 * PAGE)).isEqualTo(NFS4ERR_IO);
        assertThat(wire.readStatus(BAD - 100, 200)).isEqualTo(NFS4ERR_IO);

        assertThat(wire.read(0, BAD)).isEqualTo(part(content, 0, BAD));
        assertThat(wire.read(BAD + PAGE, 5000)).isEqualTo(part(content, BAD + PAGE, 5000));
        assertThat(wire.readPlusStatus(BAD + PAGE, 5000)).isZero();
        assertThat(wire.copyStatus(BAD + PAGE + 7, 5000)).isZero();
        assertThat(part(Files.readAllBytes(disk.root().resolve("copy")), 7, 5000))
            .isEqualTo(part(content, BAD + PAGE + 7, 5000));
      }
    }
  }

  private static byte[] part(byte[] content, int from, int length) {
    return Arrays.copyOfRange(content, from, from + length);
  }

  /** Reads one file in each way there is, on the wire. */
  private record Wire(RawNfs nfs, RawNfs.OpenFile file, RawNfs.OpenFile copy) {

    private RawNfs.Reply reply(long offset, int count) throws IOException {
      return nfs.compound(
          Op.putFh(file.handle().bytes()), Op.read(file.stateid().bytes(), offset, count));
    }

    int readStatus(long offset, int count) throws IOException {
      return reply(offset, count).status();
    }

    byte[] read(long offset, int count) throws IOException {
      RawNfs.Reply reply = reply(offset, count).expectOk();
      reply.result(Op.PUTFH);
      reply.result(Op.READ);
      reply.body().getInt();
      return reply.opaque();
    }

    int readPlusStatus(long offset, int count) throws IOException {
      return nfs.compound42(
              Op.putFh(file.handle().bytes()), Op.readPlus(file.stateid().bytes(), offset, count))
          .status();
    }

    /** To a place where no block can be shared. */
    int copyStatus(long offset, int count) throws IOException {
      return nfs.compound42(
              Op.putFh(file.handle().bytes()),
              Op.saveFh(),
              Op.putFh(copy.handle().bytes()),
              Op.copy(file.stateid().bytes(), copy.stateid().bytes(), offset, 7, count))
          .status();
    }
  }
}
