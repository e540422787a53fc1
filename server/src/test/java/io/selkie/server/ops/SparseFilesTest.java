package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.Calls42.Segment;
import io.selkie.server.ops.Calls42.Segments;
import io.selkie.server.ops.Calls42.Sought;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: holes are seen, made and filled as on the local file system, and every refusal is right.
 */
@Timeout(120)
class SparseFilesTest {

  private static final int DATA = 0;
  private static final int HOLE = 1;
  private static final int MB = 1 << 20;

  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());
  private ServerFixture server;
  private FileCalls client;
  private Calls42 calls;
  private byte[] root;
  private Path file;
  private byte[] handle;
  private Stateid4 stateid;

  /** A hole, 64 KiB of data at 1 MiB, a hole, 64 KiB at 3 MiB, and a hole to 4 MiB. */
  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture(kernel, "");
    file = server.export().resolve("f");
    byte[] data = new byte[65_536];
    new Random(1).nextBytes(data);
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.seek(MB);
      out.write(data);
      out.seek(3 * MB);
      out.write(data);
      out.setLength(4 * MB);
    }
    client = server.client("alice");
    calls = new Calls42(client);
    root = client.handleOf("data");
    Opened opened = client.open(root, "f", BOTH, DENY_NONE);
    handle = opened.handle();
    stateid = opened.stateid();
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  // ---------------------------------------------------------------- SEEK

  @Test
  void seekFindsDataAndHoles() {
    assertThat(calls.seek(handle, stateid, 0, DATA)).isEqualTo(new Sought("NFS4_OK", false, MB));
    assertThat(calls.seek(handle, stateid, 0, HOLE)).isEqualTo(new Sought("NFS4_OK", false, 0));
    assertThat(calls.seek(handle, stateid, MB + 5, DATA))
        .isEqualTo(new Sought("NFS4_OK", false, MB + 5));
    assertThat(calls.seek(handle, stateid, MB + 5, HOLE))
        .isEqualTo(new Sought("NFS4_OK", false, MB + 65_536));
    assertThat(calls.seek(handle, stateid, 3 * MB + 65_536, DATA))
        .isEqualTo(new Sought("NFS4_OK", true, 4 * MB));
  }

  @Test
  void seekFindsTheHoleAtTheEnd() throws IOException {
    Files.write(server.export().resolve("full"), new byte[] {1, 2, 3});
    Opened full = client.open(root, "full", READ, DENY_NONE);
    assertThat(calls.seek(full.handle(), full.stateid(), 0, HOLE))
        .isEqualTo(new Sought("NFS4_OK", true, 3));
  }

  @Test
  void seekIsRefusedWhereLseekIs() throws IOException {
    assertThat(calls.seek(handle, stateid, 4 * MB, HOLE).status()).isEqualTo("NFS4ERR_NXIO");
    assertThat(calls.seek(handle, stateid, -1, DATA).status()).isEqualTo("NFS4ERR_NXIO");
    assertThat(calls.seek(handle, stateid, 0, 2).status()).isEqualTo("NFS4ERR_UNION_NOTSUPP");
    assertThat(calls.seek(handle, stateid.withSeqid(77), 0, DATA).status())
        .isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(calls.seek(root, Stateids.ANONYMOUS, 0, DATA).status()).isEqualTo("NFS4ERR_ISDIR");
    assertThat(calls.inNfs41(handle, NfsOp4.OP_SEEK)).isEqualTo("NFS4ERR_OP_ILLEGAL");
    kernel.failAll(KernelCall.LSEEK, Errno.EIO);
    assertThat(calls.seek(handle, stateid, 0, DATA).status()).isEqualTo("NFS4ERR_IO");
  }

  // ---------------------------------------------------------------- READ_PLUS

  @Test
  void readPlusGivesTheFilesBytesWhereverItBegins() throws IOException {
    byte[] expected = Files.readAllBytes(file);
    Random random = new Random(2);
    for (int i = 0; i < 50; i++) {
      long offset = random.nextInt(expected.length + 1000);
      int count = random.nextInt(MB);
      Segments got = calls.readPlus(handle, stateid, offset, count);
      assertThat(got.status()).isEqualTo("NFS4_OK");
      long position = offset;
      for (Segment segment : got.all()) {
        assertThat(segment.offset()).isEqualTo(position);
        byte[] bytes = segment.hole() ? new byte[(int) segment.length()] : segment.bytes();
        assertThat(bytes)
            .isEqualTo(
                Arrays.copyOfRange(expected, (int) position, (int) (position + bytes.length)));
        position += segment.length();
      }
      assertThat(position).isLessThanOrEqualTo(Math.max(offset, expected.length));
      assertThat(got.eof()).isEqualTo(position >= expected.length);
      assertThat(position > offset || count == 0 || offset >= expected.length).isTrue();
    }
  }

  @Test
  void readPlusTellsHolesByTheirExtent() {
    Segments got = calls.readPlus(handle, stateid, MB - 1000, 70_000);
    assertThat(got.all()).hasSize(3);
    assertThat(got.all().get(0).hole()).isTrue();
    assertThat(got.all().get(0).length()).isEqualTo(1000);
    assertThat(got.all().get(1).length()).isEqualTo(65_536);
    assertThat(got.all().get(2).hole()).isTrue();
    assertThat(got.all().get(2).length()).isEqualTo(70_000 - 1000 - 65_536);
    assertThat(got.eof()).isFalse();
    Segments end = calls.readPlus(handle, stateid, 4 * MB - 10, 100);
    assertThat(end.eof()).isTrue();
    assertThat(end.all()).hasSize(1);
    assertThat(calls.readPlus(handle, stateid, 4 * MB, 100))
        .isEqualTo(new Segments("NFS4_OK", true, java.util.List.of()));
    assertThat(calls.readPlus(handle, stateid, 0, 0).eof()).isFalse();
  }

  @Test
  void readPlusStopsAfterSomeSegments() throws IOException {
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      for (int i = 0; i < 100; i++) {
        out.seek(i * 8192L);
        out.write(1);
      }
    }
    Segments got = calls.readPlus(handle, stateid, 0, 900_000);
    assertThat(got.all()).hasSize(ReadPlus.SEGMENTS_MAX);
    assertThat(got.eof()).isFalse();
  }

  @Test
  void readPlusOfAFileThatGetsShorterMeanwhileEndsThere() {
    kernel.failAll(KernelCall.PREAD, Errno.EIO);
    assertThat(calls.readPlus(handle, stateid, MB, 100).status()).isEqualTo("NFS4ERR_IO");
    assertThat(calls.readPlus(root, Stateids.ANONYMOUS, 0, 1).status()).isEqualTo("NFS4ERR_ISDIR");
  }

  // ---------------------------------------------------------------- ALLOCATE, DEALLOCATE

  @Test
  void deallocateMakesAHoleAndKeepsTheSize() throws IOException {
    assertThat(calls.deallocate(handle, stateid, MB + 100, 65_000)).isEqualTo("NFS4_OK");
    assertThat(Files.size(file)).isEqualTo(4 * MB);
    byte[] bytes = Files.readAllBytes(file);
    assertThat(Arrays.copyOfRange(bytes, MB + 100, MB + 65_100)).containsOnly(0);
    assertThat(bytes[MB + 99] != 0 || bytes[MB + 98] != 0).isTrue();
    assertThat(calls.seek(handle, stateid, MB + 8192, DATA).offset()).isGreaterThan(MB + 8192);
    assertThat(calls.deallocate(handle, stateid, 0, Long.MAX_VALUE >> 20)).isEqualTo("NFS4_OK");
    assertThat(Files.readAllBytes(file)).hasSize(4 * MB).containsOnly(0);
  }

  @Test
  void allocateReservesAndGrows() throws IOException {
    assertThat(calls.allocate(handle, stateid, 4 * MB - 10, MB)).isEqualTo("NFS4_OK");
    assertThat(Files.size(file)).isEqualTo(5 * MB - 10);
    assertThat(calls.allocate(handle, stateid, 0, MB)).isEqualTo("NFS4_OK");
    assertThat((Number) Files.getAttribute(file, "unix:nlink")).isEqualTo(1);
  }

  @Test
  void spaceOperationsAreRefusedWithTheRightWords() throws IOException {
    assertThat(calls.allocate(handle, stateid, 0, 0)).isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.allocate(handle, stateid, -1, 1)).isEqualTo("NFS4ERR_FBIG");
    assertThat(calls.allocate(handle, stateid, Long.MAX_VALUE, 1)).isEqualTo("NFS4ERR_FBIG");
    assertThat(calls.allocate(handle, stateid, 0, 1L << 43)).isEqualTo("NFS4ERR_NOSPC");
    assertThat(Files.size(file)).isEqualTo(4 * MB);
    FileCalls bob = server.client("bob");
    Opened readOnly = bob.open(root, "f", READ, DENY_NONE);
    assertThat(new Calls42(bob).allocate(handle, readOnly.stateid(), 0, 1))
        .isEqualTo("NFS4ERR_OPENMODE");
    assertThat(calls.deallocate(root, Stateids.ANONYMOUS, 0, 1)).isEqualTo("NFS4ERR_WRONG_TYPE");
    kernel.failAll(KernelCall.FALLOCATE, Errno.EOPNOTSUPP);
    assertThat(calls.allocate(handle, stateid, 0, 1)).isEqualTo("NFS4ERR_NOTSUPP");
    kernel.heal();
    kernel.failAll(KernelCall.FALLOCATE, Errno.ENOSPC);
    assertThat(calls.allocate(handle, stateid, 0, 1)).isEqualTo("NFS4ERR_NOSPC");
    kernel.heal();
    kernel.failAll(KernelCall.FALLOCATE, Errno.EDQUOT);
    assertThat(calls.allocate(handle, stateid, 0, 1)).isEqualTo("NFS4ERR_DQUOT");
  }

  // ---------------------------------------------------------------- IO_ADVISE

  @Test
  void hintsThatAreCarriedOutAreAnswered() {
    assertThat(advise(Bitmap4.of(1, 4))).isEqualTo(Bitmap4.of(1, 4));
    assertThat(advise(Bitmap4.of(1, 3, 4, 6))).isEqualTo(Bitmap4.of(3, 4));
    assertThat(advise(Bitmap4.of(2, 8, 9, 10))).isEqualTo(Bitmap4.of(0));
    assertThat(advise(Bitmap4.of(6))).isEqualTo(Bitmap4.of(6));
    kernel.failAll(KernelCall.FADVISE, Errno.EINVAL);
    assertThat(advise(Bitmap4.of(3))).isEqualTo(Bitmap4.of(0));
  }

  private Bitmap4 advise(Bitmap4 hints) {
    Answer answer =
        calls.on(
            handle,
            NfsOp4.OP_IO_ADVISE,
            o -> {
              Stateids.encode(o, stateid);
              o.int64(0);
              o.int64(MB);
              hints.encode(o);
            });
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    return new Bitmap4().decode(answer.in());
  }
}
