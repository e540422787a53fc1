package io.selkie.server.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: WRITE_SAME makes the blocks that RFC 7862 describes, and refuses what can be none. */
@Timeout(120)
class WriteSameTest {

  private static final byte[] PATTERN = {'S', 'E', 'L', 'K', 'I', 'E'};
  private static final long ABSENT = -1;

  private ServerFixture server;
  private Calls42 calls;
  private FileCalls client;
  private byte[] root;
  private Opened file;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture();
    client = server.client("alice");
    calls = new Calls42(client);
    root = client.handleOf("data");
    file = client.create(root, "f");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  static Answer writeSame(
      Calls42 calls,
      Opened file,
      long offset,
      long size,
      long count,
      long numberAt,
      int firstNumber,
      long patternAt) {
    return calls.on(
        file.handle(),
        NfsOp4.OP_WRITE_SAME,
        o -> {
          Stateids.encode(o, file.stateid());
          o.int32(2);
          o.int64(offset);
          o.int64(size);
          o.int64(count);
          o.int64(numberAt);
          o.int32(firstNumber);
          o.int64(patternAt);
          o.opaque(PATTERN);
        });
  }

  @Test
  void blocksHaveNumbersAndThePattern() throws IOException {
    // So that chunks end in the middle of blocks.
    int size = 1000;
    int count = 5000;
    Answer answer = writeSame(calls, file, 77, size, count, 4, 0x01020304, 100);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    assertThat(answer.in().int32()).as("callback ids").isZero();
    assertThat(answer.in().int64()).isEqualTo((long) size * count);
    assertThat(answer.in().int32()).as("committed").isEqualTo(2);

    ByteBuffer got = ByteBuffer.wrap(Files.readAllBytes(server.export().resolve("f")));
    assertThat(got.remaining()).isEqualTo(77 + size * count);
    byte[] block = new byte[size];
    for (int i = 0; i < count; i++) {
      byte[] expected = new byte[size];
      ByteBuffer.wrap(expected).putInt(4, 0x01020304 + i).put(100, PATTERN);
      got.get(77 + i * size, block);
      assertThat(block).isEqualTo(expected);
    }
  }

  @Test
  void partsCanBeLeftOut() throws IOException {
    assertThat(writeSame(calls, file, 0, 8, 2, ABSENT, 1, 2).status()).isEqualTo("NFS4_OK");
    assertThat(Files.readAllBytes(server.export().resolve("f")))
        .isEqualTo("\0\0SELKIE\0\0SELKIE".getBytes(java.nio.charset.StandardCharsets.UTF_8));
    assertThat(writeSame(calls, file, 0, 8, 2, ABSENT, 1, ABSENT).status()).isEqualTo("NFS4_OK");
    assertThat(Files.readAllBytes(server.export().resolve("f"))).hasSize(16).containsOnly(0);
    assertThat(writeSame(calls, file, 0, 8, 0, 0, 1, ABSENT).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void oneBlockMayBeLargerThanAnythingHeldInMemory() throws IOException {
    long size = 3 << 20;
    assertThat(writeSame(calls, file, 0, size, 2, size - 4, 9, 0).status()).isEqualTo("NFS4_OK");
    byte[] got = Files.readAllBytes(server.export().resolve("f"));
    assertThat(Arrays.copyOfRange(got, (int) size, (int) size + 6)).isEqualTo(PATTERN);
    assertThat(Arrays.copyOfRange(got, got.length - 4, got.length)).containsExactly(0, 0, 0, 10);
  }

  @Test
  void whatCanBeNoBlockIsRefused() {
    assertThat(writeSame(calls, file, 0, 0, 1, ABSENT, 1, ABSENT).status())
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(writeSame(calls, file, 0, 8, 1, 5, 1, ABSENT).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(writeSame(calls, file, 0, 8, 1, ABSENT, 1, 3).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(writeSame(calls, file, 0, 8, -1, ABSENT, 1, 0).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(writeSame(calls, file, -1, 8, 1, ABSENT, 1, 0).status()).isEqualTo("NFS4ERR_FBIG");
    assertThat(writeSame(calls, file, 1, 1L << 32, 1L << 31, ABSENT, 1, 0).status())
        .isEqualTo("NFS4ERR_FBIG");
    Opened directory = new Opened("", Stateids.ANONYMOUS, root, null, 0);
    assertThat(writeSame(calls, directory, 0, 8, 1, ABSENT, 1, 0).status())
        .isEqualTo("NFS4ERR_WRONG_TYPE");
  }
}
