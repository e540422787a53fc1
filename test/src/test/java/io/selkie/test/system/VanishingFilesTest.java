package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;

/** Goal: what other processes take away under the server's feet is an error for its users only. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class VanishingFilesTest {

  private static final int NFS4ERR_NOENT = 2;
  private static final int NFS4ERR_IO = 5;
  private static final int NFS4ERR_STALE = 70;
  private static final int FILE_BYTES = 65536;

  private ServerUnderTest tested;
  private ServerProcess server;

  @BeforeAll
  void start() throws Exception {
    tested = ServerUnderTest.start("");
    server = tested.server();
  }

  @AfterEach
  void serverIsSound() throws Exception {
    tested.assertSound();
  }

  @AfterAll
  void stop() throws Exception {
    tested.close();
  }

  @Test
  void fileRemovedUnderALayoutLivesOnForItsHolderAndForNobodyElse() throws Exception {
    byte[] content = new byte[FILE_BYTES];
    Arrays.fill(content, (byte) 'c');
    Path file = Files.write(server.export().resolve("removed"), content);
    try (RawNfs nfs = RawNfs.connect(server.nfs(), "holder")) {
      RawNfs.OpenFile opened = nfs.open(server.exportName(), "removed");
      RawNfs.Layout layout = nfs.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, FILE_BYTES);
      assertThat(layout.status()).isZero();
      try (OneSided access =
          new OneSided(server.rdma(), nfs.sessionId(), layout.extents().getFirst())) {
        Files.delete(file);
        assertThat(access.read(0, FILE_BYTES)).isEqualTo(content);
        access.write(100, "still mine".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        assertThat(new String(access.read(100, 10), java.nio.charset.StandardCharsets.US_ASCII))
            .isEqualTo("still mine");
      }
      assertThat(
              nfs.compound(Op.putRootFh(), Op.lookup(server.exportName()), Op.lookup("removed"))
                  .status())
          .isEqualTo(NFS4ERR_NOENT);
      assertThat(
              nfs.compound(
                      Op.putFh(opened.handle().bytes()),
                      Op.layoutReturn(layout.stateid().bytes(), 3, 0, -1),
                      Op.close(opened.stateid().bytes()))
                  .status())
          .isZero();
    }
  }

  @Test
  @Order(Integer.MAX_VALUE)
  void exportThatIsGoneIsAnErrorForItsUsersOnly() throws Exception {
    Files.write(server.export().resolve("file"), new byte[FILE_BYTES]);
    Path away = server.export().resolveSibling("away");
    try (RawNfs nfs = RawNfs.connect(server.nfs(), "patient")) {
      byte[] handle = nfs.handleOf(server.exportName(), "file");
      Files.move(server.export(), away);
      Files.delete(away.resolve("file"));
      assertThat(
              nfs.compound(Op.putRootFh(), Op.lookup(server.exportName()), Op.lookup("file"))
                  .status())
          .isIn(NFS4ERR_NOENT, NFS4ERR_IO, NFS4ERR_STALE);
      // Opened anew by its handle, or found gone: an answer in any case.
      nfs.compound(Op.putFh(handle), Op.getFh());
      Files.delete(away);
      assertThat(
              nfs.compound(Op.putRootFh(), Op.lookup(server.exportName()), Op.lookup("file"))
                  .status())
          .isIn(NFS4ERR_NOENT, NFS4ERR_IO, NFS4ERR_STALE);
      assertThat(nfs.compound(Op.putRootFh()).status()).as("the session goes on").isZero();
    }
  }
}
