package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a file whose close does not end, as that of a large removed file or on a disk that hangs,
 * stops nobody but who closes it. Method: the kernel's close of descriptions in one export hangs.
 */
@Timeout(120)
class HangingCloseTest {

  /** More than there are threads for what gives something back or for seals. */
  private static final int HANGING = 4;

  private final AtomicBoolean hangs = new AtomicBoolean();
  private final Semaphore stuck = new Semaphore(0);
  private final CountDownLatch works = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private TwoExports server;

  @BeforeEach
  void start() throws IOException {
    server = new TwoExports((Kernel) hanging(new LinuxKernel()), 500, "slow", "fast");
  }

  private Object hanging(Kernel kernel) {
    return Proxy.newProxyInstance(
        Kernel.class.getClassLoader(),
        new Class<?>[] {Kernel.class},
        (_, method, arguments) -> {
          if (hangs.get() && method.getName().equals("close") && isSlow((int) arguments[0])) {
            stuck.release();
            works.await();
          }
          try {
            return method.invoke(kernel, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        });
  }

  /** Whether it is one of the files, open for data and not only named. */
  private boolean isSlow(int fd) throws IOException {
    Path file = Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd));
    String flags = Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd)).get(1);
    boolean pathOnly = (Integer.parseInt(flags.substring(6).strip(), 8) & 0x20_0000) != 0;
    return !pathOnly && file.startsWith(server.of("slow")) && Files.isRegularFile(file);
  }

  @AfterEach
  void stop() throws IOException {
    works.countDown();
    threads.shutdown();
    server.close();
  }

  @Test
  void othersGiveBackWhatTheyHave() throws Exception {
    FileCalls other = server.client("other");
    Opened fast = other.create(other.handleOf("fast"), "g");
    for (int i = 0; i < HANGING; i++) {
      FileCalls client = server.client("hanging" + i);
      Opened file = client.create(client.handleOf("slow"), "f" + i);
      hangs.set(true);
      threads.execute(() -> client.close(file.handle(), file.stateid()));
      assertThat(stuck.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
    }
    assertThat(other.close(fast.handle(), fast.stateid())).isEqualTo("NFS4_OK");
    // Every inode's lock is one of 64.
    for (int i = 0; i < 200; i++) {
      Opened next = other.create(other.handleOf("fast"), "n" + i);
      assertThat(other.close(next.handle(), next.stateid())).isEqualTo("NFS4_OK");
    }
  }

  @Test
  void sealIsReleasedWhileClientsGoWhoseFilesHang() throws Exception {
    FileCalls holder = server.client("holder");
    holder.connection().ignoreCallbacks();
    Path file = Files.write(server.of("fast").resolve("held"), new byte[8192]);
    Opened held = holder.open(holder.handleOf("fast"), "held", BOTH, DENY_NONE);
    assertThat(
            holder
                .on(
                    held.handle(),
                    NfsOp4.OP_LAYOUTGET,
                    o -> {
                      o.bool(false);
                      o.int32(LayoutConst4.LAYOUT4_RDMA);
                      o.int32(LayoutConst4.LAYOUTIOMODE4_RW);
                      o.int64(0);
                      o.int64(-1);
                      o.int64(0);
                      Stateids.encode(o, held.stateid());
                      o.int32(65_536);
                    })
                .status())
        .isEqualTo("NFS4_OK");
    for (int i = 0; i < HANGING; i++) {
      FileCalls client = server.client("going" + i);
      client.create(client.handleOf("slow"), "f" + i);
      hangs.set(true);
      assertThat(server.server().sessions().revoke(client.session().clientId())).isTrue();
      assertThat(stuck.tryAcquire(60, TimeUnit.SECONDS)).as("client %d", i).isTrue();
    }
    Process breaker =
        new ProcessBuilder("dd", "if=/dev/null", "of=" + file, "status=none").inheritIO().start();
    try {
      assertThat(breaker.waitFor(40, TimeUnit.SECONDS)).as("the seal was given up").isTrue();
    } finally {
      breaker.destroyForcibly();
    }
  }
}
