package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import io.selkie.test.wire.RawRpc;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Goal: clients that connect and say nothing, that never read what they asked for or that vanish in
 * the middle of a call cost the server a bounded amount of memory and nobody else anything.
 */
@Tag("slow")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RudeClientsTest {

  private static final int CONNECTIONS_MAX = 64;

  private ServerUnderTest tested;
  private Bystander bystander;

  @BeforeAll
  void start() throws Exception {
    tested =
        ServerUnderTest.start(
            """
            sessions:
              idleHandshakeMillis: 5000
              maxConnections: %d
            """
                .formatted(CONNECTIONS_MAX));
    bystander = new Bystander(tested.server());
  }

  @AfterEach
  void serverIsSoundAndTheBystanderIsServed() throws Exception {
    tested.assertSound();
    bystander.assertStillServed();
  }

  @AfterAll
  void stop() throws Exception {
    bystander.close();
    tested.close();
  }

  @Test
  void silentConnectionsAreClosed() throws Exception {
    List<RawRpc> silent = new ArrayList<>();
    try {
      for (int i = 0; i < 30; i++) {
        RawRpc rpc = RawRpc.connect(tested.server().nfs());
        silent.add(rpc);
        if (i % 2 == 0) {
          // Half a record: as good as nothing.
          rpc.sendBytes(new byte[] {(byte) 0x80, 0, 0, 100, 1, 2, 3});
        }
      }
      for (RawRpc rpc : silent) {
        assertThat(rpc.closedByServer()).isTrue();
      }
    } finally {
      closeAll(silent);
    }
  }

  @Test
  void connectionsBeyondTheBoundAreTurnedAway() throws Exception {
    List<RawRpc> crowd = new ArrayList<>();
    int turnedAway = 0;
    try {
      for (int i = 0; i < 2 * CONNECTIONS_MAX; i++) {
        crowd.add(RawRpc.connect(tested.server().nfs()));
      }
      for (RawRpc rpc : crowd) {
        turnedAway += rpc.closedByServer() ? 1 : 0;
      }
      assertThat(turnedAway).as("closed: too many, or silent").isEqualTo(crowd.size());
    } finally {
      closeAll(crowd);
    }
    try (RawNfs late = RawNfs.connect(tested.server().nfs(), "after the crowd")) {
      assertThat(late.compound(Op.putRootFh()).status()).isZero();
    }
  }

  @Test
  void clientThatNeverReadsItsRepliesIsNotReadFromEither() throws Exception {
    Files.write(tested.server().export().resolve("big"), new byte[1 << 20]);
    byte[] opened;
    byte[] stateid;
    AtomicLong sent = new AtomicLong();
    try (RawNfs nfs = RawNfs.connect(tested.server().nfs(), "deaf")) {
      RawNfs.OpenFile file = nfs.open(tested.server().exportName(), "big");
      opened = file.handle().bytes();
      stateid = file.stateid().bytes();
      long before = tested.server().residentKib();
      Thread sender =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                try {
                  for (int i = 1; i < 400_000; i++) {
                    byte[] record =
                        nfs.record(
                            1 + i % 7, 1 + i / 7, Op.putFh(opened), Op.read(stateid, 0, 1 << 20));
                    nfs.rpc().send(record);
                    sent.addAndGet(record.length);
                  }
                } catch (IOException _) {
                  // Closed, by the server or at the end of the test.
                }
              });
      for (int i = 0; i < 200 && sender.isAlive(); i++) {
        bystander.assertStillServed();
      }
      assertThat(tested.server().residentKib() - before).as("KiB more").isLessThan(128 << 10);
      assertThat(sent.get())
          .as("bytes of requests taken from a client that reads nothing")
          .isLessThan(40L << 20);
      nfs.close();
      sender.join(60_000);
      assertThat(sender.isAlive()).isFalse();
    }
  }

  @Test
  void writeCutOffByAVanishingClientIsNotDone() throws Exception {
    byte[] before = new byte[256 << 10];
    Arrays.fill(before, (byte) 'b');
    Path path = Files.write(tested.server().export().resolve("torn"), before);
    byte[] evil = new byte[before.length];
    for (int cut : new int[] {4, 100, 5_000, 200_000}) {
      try (RawNfs nfs = RawNfs.connect(tested.server().nfs(), "vanishing " + cut)) {
        RawNfs.OpenFile file = nfs.open(tested.server().exportName(), "torn");
        byte[] call =
            nfs.record(Op.putFh(file.handle().bytes()), Op.write(file.stateid().bytes(), 0, evil));
        ByteBuffer record = ByteBuffer.allocate(4 + call.length);
        record.putInt(0x80000000 | call.length).put(call);
        nfs.rpc().sendBytes(Arrays.copyOf(record.array(), cut));
        nfs.rpc().reset();
      }
      bystander.assertStillServed();
    }
    assertThat(path).hasBinaryContent(before);
  }

  private static void closeAll(List<RawRpc> connections) throws IOException {
    for (RawRpc rpc : connections) {
      rpc.close();
    }
  }
}
