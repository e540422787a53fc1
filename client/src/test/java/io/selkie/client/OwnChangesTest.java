package io.selkie.client;

import static io.selkie.client.SelkieClientTest.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.fake.FakeFile;
import io.selkie.client.fake.FakeServer;
import io.selkie.protocol.nfs4.NfsStat4;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: what a client changes through the server, its own layout does not hide from it. */
@Timeout(120)
class OwnChangesTest {
  private static final int SIZE = 64 << 10;

  /** Within the half of a file that is a hole. */
  private static final int IN_HOLE = 40 << 10;

  private FakeServer server;
  private SelkieClient client;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
    server.state().grantHoles();
    client = SelkieClient.connect("127.0.0.1", server.port(), ClientOptions.defaults());
  }

  @AfterEach
  void stop() throws Exception {
    client.close();
    server.close();
  }

  private DirectFile open(String path, DirectMode mode) throws Exception {
    return client.open(path, mode, StandardOpenOption.READ, StandardOpenOption.WRITE);
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

  private static void write(DirectFile file, byte[] bytes, long position) throws Exception {
    file.write(MemorySegment.ofArray(bytes), position);
  }

  @Test
  void aWriteThroughTheServerIsReadWhereThisClientKnewAHole() throws Exception {
    server.state().addFile("a", new byte[SIZE]);
    try (DirectFile reader = open("/a", DirectMode.REQUIRE);
        DirectFile writer = open("/a", DirectMode.NEVER)) {
      assertThat(read(reader, 0, SIZE)).containsOnly(0);
      write(writer, sevens(100), IN_HOLE);
      assertThat(read(reader, IN_HOLE, 100)).isEqualTo(sevens(100));
      assertThat(read(reader, 0, IN_HOLE)).containsOnly(0);
    }
  }

  @Test
  void aWriteThatFellBackIsReadWhereAHoleWas() throws Exception {
    server.state().addFile("b", new byte[SIZE]);
    try (DirectFile file = open("/b", DirectMode.PREFER)) {
      assertThat(read(file, 0, SIZE)).containsOnly(0);
      server.script(operation ->
          operation.equals("LAYOUTGET") ? NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE : FakeServer.PROCEED);
      write(file, sevens(100), IN_HOLE);
      file.sync();
      assertThat(server.counts()).containsKey("WRITE");
      assertThat(read(file, IN_HOLE, 100)).isEqualTo(sevens(100));
    }
  }

  @Test
  void aDirectWriteIsReadByAReadThatIsLongerThanItsLayout() throws Exception {
    server.state().addFile("c", new byte[SIZE]);
    try (DirectFile file = open("/c", DirectMode.REQUIRE)) {
      assertThat(read(file, 0, SIZE)).containsOnly(0);
      server.state().limitLayouts(8192);
      write(file, sevens(4096), IN_HOLE);
      server.state().limitLayouts(Long.MAX_VALUE);
      byte[] expected = new byte[SIZE];
      System.arraycopy(sevens(4096), 0, expected, IN_HOLE, 4096);
      assertThat(read(file, 0, SIZE)).isEqualTo(expected);
    }
    assertThat(client.counters().nfsBytes()).isZero();
  }

  @Test
  void writesThatAreSentAgainAreReadWhereAHoleWas() throws Exception {
    FakeFile stored = server.state().addFile("d", new byte[SIZE]);
    try (DirectFile reader = open("/d", DirectMode.REQUIRE);
        DirectFile writer = open("/d", DirectMode.NEVER)) {
      write(writer, sevens(100), IN_HOLE);
      server.state().loseUnstableWrites(stored);
      assertThat(read(reader, IN_HOLE, 100)).containsOnly(0);
      writer.sync();
      assertThat(read(reader, IN_HOLE, 100)).isEqualTo(sevens(100));
    }
  }

  @Test
  void whatIsSentAgainDoesNotComeOnTopOfALaterDirectWrite() throws Exception {
    FakeFile stored = server.state().addFile("e", new byte[SIZE]);
    try (DirectFile direct = open("/e", DirectMode.REQUIRE);
        DirectFile slow = open("/e", DirectMode.NEVER)) {
      write(direct, new byte[SIZE], 0);
      write(slow, random(4096, 1), 0);
      write(direct, random(4096, 2), 0);
      server.state().loseUnstableWrites();
      slow.sync();
    }
    assertThat(Arrays.copyOf(stored.content(), 4096)).isEqualTo(random(4096, 2));
  }

  @Test
  void whatIsSentAgainDoesNotGrowAFileThatWasCut() throws Exception {
    FakeFile stored = server.state().addFile("f", new byte[0]);
    try (DirectFile file = open("/f", DirectMode.NEVER)) {
      write(file, random(SIZE, 1), 0);
      file.setSize(4096);
      server.state().loseUnstableWrites();
      file.sync();
    }
    assertThat(stored.size()).isEqualTo(4096);
  }

  @Test
  void whatWasCutOffIsZeroWhenTheFileHasGrownAgain() throws Exception {
    server.state().addFile("g", random(SIZE, 3));
    try (DirectFile reader = open("/g", DirectMode.PREFER);
        DirectFile other = open("/g", DirectMode.NEVER)) {
      read(reader, 0, SIZE);
      other.setSize(4096);
      assertThat(read(reader, 0, SIZE)).isEqualTo(Arrays.copyOf(random(SIZE, 3), 4096));
      assertThat(reader.read(MemorySegment.ofArray(new byte[1]), 4096)).isEqualTo(-1);
      other.setSize(SIZE);
      write(other, sevens(100), IN_HOLE);
      byte[] expected = new byte[SIZE];
      System.arraycopy(random(SIZE, 3), 0, expected, 0, 4096);
      System.arraycopy(sevens(100), 0, expected, IN_HOLE, 100);
      assertThat(read(reader, 0, SIZE)).isEqualTo(expected);
    }
  }

  @Test
  void afterAWriteThatWasNeverAnsweredHolesAreReadThroughTheServer() throws Exception {
    server.state().addFile("l", new byte[SIZE]);
    ClientOptions impatient =
        ClientOptions.defaults().withCallTimeoutMillis(1000).withOperationTimeoutMillis(5000);
    try (SelkieClient hasty = SelkieClient.connect("127.0.0.1", server.port(), impatient);
        DirectFile reader = hasty.open("/l", DirectMode.PREFER);
        DirectFile writer = hasty.open("/l", DirectMode.NEVER, StandardOpenOption.WRITE)) {
      server.script(
          operation -> operation.equals("WRITE") ? FakeServer.SILENCE : FakeServer.PROCEED);
      assertThatThrownBy(() -> write(writer, sevens(100), IN_HOLE)).isInstanceOf(IOException.class);
      assertThat(read(reader, IN_HOLE, SIZE - IN_HOLE)).containsOnly(0);
      assertThat(hasty.counters().get(Counter.NFS_READ_BYTES)).isEqualTo(SIZE - IN_HOLE);
    }
  }

  @Test
  void aForgottenHoleIsStillReturnedWhenItIsRecalled() throws Exception {
    FakeFile stored = server.state().addFile("h", new byte[SIZE]);
    try (DirectFile reader = open("/h", DirectMode.REQUIRE);
        DirectFile writer = open("/h", DirectMode.NEVER)) {
      read(reader, 0, SIZE);
      write(writer, sevens(1), IN_HOLE);
      assertThat(FakeServer.await(server.recall(stored, IN_HOLE, 4096)))
          .isEqualTo(NfsStat4.NFS4_OK);
      server.awaitLog("LAYOUTRETURN");
    }
  }

  @Test
  void aFileOpenedWhileItsLastCloseReturnsTheLayoutStillHearsRecalls() throws Exception {
    FakeFile stored = server.state().addFile("i", random(SIZE, 4));
    CountDownLatch returning = new CountDownLatch(1);
    CountDownLatch opened = new CountDownLatch(1);
    DirectFile first = open("/i", DirectMode.REQUIRE);
    read(first, 0, 100);
    server.script(operation -> {
      if (operation.equals("LAYOUTRETURN") && opened.getCount() > 0) {
        returning.countDown();
        return NfsStat4.NFS4ERR_DELAY;
      }
      return FakeServer.PROCEED;
    });
    CompletableFuture<Void> closing =
        CompletableFuture.runAsync(() -> {
          try {
            first.close();
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    assertThat(returning.await(60, TimeUnit.SECONDS)).isTrue();
    try (DirectFile second = open("/i", DirectMode.REQUIRE)) {
      opened.countDown();
      closing.get(60, TimeUnit.SECONDS);
      read(second, 0, 100);
      assertThat(FakeServer.await(server.recall(stored, 0, -1))).isEqualTo(NfsStat4.NFS4_OK);
      server.awaitLogCount("LAYOUTRETURN", 2);
    }
  }
}
