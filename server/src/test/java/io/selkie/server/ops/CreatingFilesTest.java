package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.claimName;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.SessionConst4;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: whatever else happens to it, a file that an OPEN has made is open when that is answered.
 */
@Timeout(120)
class CreatingFilesTest {

  private ServerFixture server;
  private FileCalls client;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture();
    client = server.client("alice");
    root = client.handleOf("data");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private static Consumer<XdrWriter> exclusive4(long verifier) {
    return o -> {
      o.int32(OpenConst4.OPEN4_CREATE);
      o.int32(OpenConst4.EXCLUSIVE4);
      o.int64(verifier);
    };
  }

  private Opened exclusively(FileCalls who, long verifier, String name) {
    return who.open(root, BOTH, DENY_NONE, "owner", exclusive4(verifier), claimName(name));
  }

  @Test
  void whoWantsNoLayoutsCreatesExclusivelyTheOldWayToo() throws IOException {
    assertThat(exclusively(client, 1, "x").status()).isEqualTo("NFS4ERR_INVAL");
    try (Nfs41TestClient connection = Nfs41TestClient.connect(server.server().nfsAddress())) {
      TestSession session =
          TestSession.open(connection, "plain", 1, 0, SessionConst4.EXCHGID4_FLAG_USE_NON_PNFS);
      session.call(c -> c.reclaimComplete());
      FileCalls plain = FileCalls.of(connection, session, "plain");
      Opened made = exclusively(plain, 1, "x");
      assertThat(made.status()).isEqualTo("NFS4_OK");
      assertThat(made.set())
          .isEqualTo(
              Bitmap4.of(
                  FileAttributes.FATTR4_TIME_ACCESS_SET, FileAttributes.FATTR4_TIME_MODIFY_SET));
      assertThat(exclusively(plain, 1, "x").status()).as("again").isEqualTo("NFS4_OK");
      assertThat(exclusively(plain, 2, "x").status()).isEqualTo("NFS4ERR_EXIST");
    }
  }
}
