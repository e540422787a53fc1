package io.selkie.test.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.DirectMode;
import io.selkie.client.SelkieClient;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: on sparse files a client reads what it wrote, whichever way either went. */
@Timeout(400)
class SparseFileTest {
  private static final int SIZE = 1 << 20;
  private static final int IN_HOLE = 512 << 10;

  private RealServer server;
  private SelkieClient client;

  @BeforeEach
  void start() throws Exception {
    server = new RealServer();
    client = SelkieClient.connect("127.0.0.1", server.port(), ClientOptions.defaults());
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  private void makeSparse(String name) throws Exception {
    try (RandomAccessFile file = new RandomAccessFile(server.local(name).toFile(), "rw")) {
      file.write(sevens(4096));
      file.setLength(SIZE);
    }
  }

  private DirectFile open(String name, DirectMode mode) throws Exception {
    return client.open("/data/" + name, mode, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private static byte[] sevens(int length) {
    byte[] sevens = new byte[length];
    Arrays.fill(sevens, (byte) 7);
    return sevens;
  }

  private static byte[] read(DirectFile file, long position, int length) throws Exception {
    byte[] got = new byte[length];
    long bytes = file.read(MemorySegment.ofArray(got), position);
    return Arrays.copyOf(got, (int) Math.max(0, bytes));
  }

  @Test
  void aWriteThroughTheServerIsReadWhereAReadLayoutSaidHole() throws Exception {
    makeSparse("a");
    try (DirectFile reader = client.open("/data/a", DirectMode.PREFER);
        DirectFile writer = open("a", DirectMode.NEVER)) {
      assertThat(read(reader, IN_HOLE, 8192)).containsOnly(0);
      assertThat(client.counters().get(Counter.DIRECT_READS)).isPositive();
      writer.write(MemorySegment.ofArray(sevens(100)), IN_HOLE + 50);
      writer.sync();
      byte[] expected = new byte[8192];
      System.arraycopy(sevens(100), 0, expected, 50, 100);
      assertThat(read(reader, IN_HOLE, 8192)).isEqualTo(expected);
      assertThat(Arrays.copyOfRange(Files.readAllBytes(server.local("a")), IN_HOLE, IN_HOLE + 8192))
          .isEqualTo(expected);
    }
  }

  @Test
  void aDirectWriteIsReadWhereAReadLayoutSaidHole() throws Exception {
    makeSparse("b");
    try (DirectFile reader = client.open("/data/b", DirectMode.PREFER);
        DirectFile writer = open("b", DirectMode.PREFER)) {
      assertThat(read(reader, 0, SIZE)).endsWith(new byte[SIZE - 4096]);
      writer.write(MemorySegment.ofArray(sevens(4096)), IN_HOLE);
      byte[] expected = new byte[SIZE];
      System.arraycopy(sevens(4096), 0, expected, 0, 4096);
      System.arraycopy(sevens(4096), 0, expected, IN_HOLE, 4096);
      assertThat(read(reader, 0, SIZE)).isEqualTo(expected);
      writer.sync();
    }
  }

  @Test
  void aFileThatWasCutAndHasGrownAgainReadsAsZeroesAndThenAsWritten() throws Exception {
    makeSparse("c");
    try (DirectFile reader = client.open("/data/c", DirectMode.PREFER);
        DirectFile other = open("c", DirectMode.NEVER)) {
      assertThat(read(reader, 0, 4096)).isEqualTo(sevens(4096));
      other.setSize(100);
      assertThat(read(reader, 0, SIZE)).isEqualTo(sevens(100));
      other.setSize(SIZE);
      assertThat(read(reader, 0, SIZE)).isEqualTo(Arrays.copyOf(sevens(100), SIZE));
      other.write(MemorySegment.ofArray(sevens(10)), IN_HOLE);
      assertThat(read(reader, IN_HOLE, 11)).isEqualTo(Arrays.copyOf(sevens(10), 11));
    }
  }
}
