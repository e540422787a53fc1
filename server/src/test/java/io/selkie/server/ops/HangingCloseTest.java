package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a file whose close does not end, as that of a large removed file or on a disk that hangs,
 * stops nobody but who closes it. Method: the kernel's close of descriptions in one export hangs.
 */
@Timeout(120)
class HangingCloseTest extends IsolationFixture {

  /** As many as there are threads for the closings of one disk. */
  private static final int HANGING = 4;

  /** As many as a lane has threads for what gives something back. */
  private static final int LANE = 8;

  @BeforeEach
  void start() throws IOException {
    start(500, "false", "close");
  }

  private void closesHang(int count) throws Exception {
    List<Runnable> closes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      FileCalls client = server.client("hanging" + i);
      Opened file = client.create(client.handleOf("slow"), "f" + i);
      closes.add(() -> client.close(file.handle(), file.stateid()));
    }
    hang();
    closes.forEach(threads::execute);
    disk.awaitStuck(Math.min(count, LANE));
  }

  private void goneClientsHang() throws Exception {
    List<FileCalls> going = new ArrayList<>();
    for (int i = 0; i < HANGING; i++) {
      FileCalls client = server.client("going" + i);
      client.create(client.handleOf("slow"), "f" + i);
      going.add(client);
    }
    hang();
    for (FileCalls client : going) {
      assertThat(server.server().sessions().revoke(client.session().clientId())).isTrue();
    }
    disk.awaitStuck(HANGING);
  }

  @Test
  void othersCloseInAnotherExport() throws Exception {
    FileCalls other = server.client("other");
    Opened fast = other.create(other.handleOf("fast"), "g");
    closesHang(LANE + 2);
    assertThat(other.close(fast.handle(), fast.stateid())).isEqualTo("NFS4_OK");
    // Every inode's lock is one of 64.
    for (int i = 0; i < 200; i++) {
      Opened next = other.create(other.handleOf("fast"), "n" + i);
      assertThat(other.close(next.handle(), next.stateid())).isEqualTo("NFS4_OK");
    }
  }

  @Test
  void othersReturnLayoutsInTheSameExport() throws Exception {
    FileCalls holder = server.client("holder");
    Files.write(server.of("slow").resolve("held"), new byte[8192]);
    Opened held = holder.open(holder.handleOf("slow"), "held", BOTH, DENY_NONE);
    HeldLayout layout = layout(holder, held);
    closesHang(LANE + 2);
    layout.giveBack();
  }

  @Test
  void whatAClientDeniedIsFreeWhenItGoesAfterOthersWhoseFilesHang() throws Exception {
    FileCalls other = server.client("other");
    FileCalls leaver = server.client("leaver");
    byte[] fast = other.handleOf("fast");
    Files.write(server.of("fast").resolve("denied"), new byte[16]);
    Opened denied = leaver.open(fast, "denied", READ, OpenConst4.OPEN4_SHARE_DENY_BOTH);
    assertThat(denied.status()).isEqualTo("NFS4_OK");
    assertThat(other.open(fast, "denied", READ, DENY_NONE).status())
        .isEqualTo("NFS4ERR_SHARE_DENIED");
    goneClientsHang();
    assertThat(server.server().sessions().revoke(leaver.session().clientId())).isTrue();
    String status;
    do {
      status = other.open(fast, "denied", READ, DENY_NONE).status();
    } while (status.equals("NFS4ERR_SHARE_DENIED"));
    assertThat(status).isEqualTo("NFS4_OK");
  }

  @Test
  void sealIsReleasedWhileClientsGoWhoseFilesHang() throws Exception {
    FileCalls holder = server.client("holder");
    holder.connection().ignoreCallbacks();
    Path file = Files.write(server.of("fast").resolve("held"), new byte[8192]);
    layout(holder, holder.open(holder.handleOf("fast"), "held", BOTH, DENY_NONE));
    goneClientsHang();
    Process breaker = breaker(file);
    try {
      assertThat(breaker.waitFor(40, TimeUnit.SECONDS)).as("the seal was given up").isTrue();
    } finally {
      breaker.destroyForcibly();
    }
  }
}
