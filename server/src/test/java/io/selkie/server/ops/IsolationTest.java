package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.LayoutEvents.Step;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Goal: one client's behaviour, or one export's disk, never stops another's. Method: calls into one
 * export hang in the kernel, more of them than there once were workers; a client holds a recall
 * open; and meanwhile others measure how long theirs take.
 */
@Timeout(120)
class IsolationTest {

  private static final Logger LOG = LoggerFactory.getLogger(IsolationTest.class);
  private static final int HANGING = 10;
  private static final int ROUNDS = 50;

  /**
   * What is stuck is so until the end of the test; this is far from that, and from any slowness.
   */
  private static final long LONGEST_MILLIS = 20_000;

  private final AtomicBoolean hangs = new AtomicBoolean();
  private final Semaphore stuck = new Semaphore(0);
  private final CountDownLatch works = new CountDownLatch(1);
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private TwoExports server;

  @BeforeEach
  void start() throws IOException {
    server =
        new TwoExports(
            (Kernel) hanging(new LinuxKernel()), ServerFixture.longRecallMillis(), "slow", "fast");
  }

  /** Reading and flushing hang on the slow export's files. */
  private Object hanging(Kernel kernel) {
    return Proxy.newProxyInstance(
        Kernel.class.getClassLoader(),
        new Class<?>[] {Kernel.class},
        (_, method, arguments) -> {
          String name = method.getName();
          if (hangs.get()
              && (name.equals("pread") || name.equals("fdatasync") || name.equals("fsync"))
              && Files.readSymbolicLink(Path.of("/proc/self/fd/" + arguments[0]))
                  .startsWith(server.of("slow"))) {
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

  @AfterEach
  void stop() throws IOException {
    works.countDown();
    threads.shutdown();
    server.close();
  }

  private void hangOne(int index) throws IOException {
    FileCalls client = server.client("hanging" + index);
    Opened file = client.create(client.handleOf("slow"), "f" + index);
    client.write(file.handle(), file.stateid(), 0, Nfs4Const.UNSTABLE4, new byte[4096]);
    hangLater.add(() -> {
      if (index % 2 == 0) {
        client.read(file.handle(), file.stateid(), 0, 4096);
      } else {
        client.on(
            file.handle(),
            NfsOp4.OP_COMMIT,
            o -> {
              o.int64(0);
              o.int32(0);
            });
      }
    });
  }

  private final List<Runnable> hangLater = new ArrayList<>();

  private void everythingHangs() throws Exception {
    for (int i = 0; i < HANGING; i++) {
      hangOne(i);
    }
    hangs.set(true);
    hangLater.forEach(threads::execute);
    assertThat(stuck.tryAcquire(HANGING, 60, TimeUnit.SECONDS)).isTrue();
  }

  private void measure(String what, FileCalls client, Opened file, boolean read) {
    long[] nanos = new long[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      long start = System.nanoTime();
      assertThat(client.attributes(file.handle())).isNotNull();
      assertThat(
              client
                  .write(file.handle(), file.stateid(), 0, Nfs4Const.UNSTABLE4, new byte[4096])
                  .status())
          .isEqualTo("NFS4_OK");
      if (read) {
        assertThat(client.read(file.handle(), file.stateid(), 0, 4096).status())
            .isEqualTo("NFS4_OK");
      }
      nanos[i] = System.nanoTime() - start;
    }
    Arrays.sort(nanos);
    LOG.info(
        "{}: median {} us, longest {} us",
        what,
        TimeUnit.NANOSECONDS.toMicros(nanos[ROUNDS / 2]),
        TimeUnit.NANOSECONDS.toMicros(nanos[ROUNDS - 1]));
    assertThat(TimeUnit.NANOSECONDS.toMillis(nanos[ROUNDS - 1]))
        .as(what)
        .isLessThan(LONGEST_MILLIS);
  }

  @Test
  void diskThatHangsStopsNobodyElse() throws Exception {
    FileCalls elsewhere = server.client("elsewhere");
    Opened fast = elsewhere.create(elsewhere.handleOf("fast"), "g");
    FileCalls same = server.client("same");
    Opened slow = same.create(same.handleOf("slow"), "g");
    measure("before", elsewhere, fast, true);
    everythingHangs();
    measure("another export while a disk hangs", elsewhere, fast, true);
    assertThat(elsewhere.create(elsewhere.handleOf("fast"), "h").status()).isEqualTo("NFS4_OK");
    // What memory can answer goes on even where the disk hangs.
    measure("the same export", same, slow, false);
    assertThat(same.list(same.handleOf("slow"), 4096)).contains("g");
    assertThat(same.close(slow.handle(), slow.stateid())).isEqualTo("NFS4_OK");
  }

  @Test
  void recallHeldOpenStopsNobodyElse() throws Exception {
    FileCalls holder = server.client("holder");
    holder.connection().ignoreCallbacks();
    byte[] root = holder.handleOf("fast");
    Path file = Files.write(server.of("fast").resolve("held"), new byte[8192]);
    Opened held = holder.open(root, "held", BOTH, DENY_NONE);
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
    FileCalls other = server.client("other");
    Opened fast = other.create(root, "g");
    measure("before", other, fast, true);
    CountDownLatch recalled = new CountDownLatch(1);
    server
        .server()
        .metrics()
        .addListener(event -> {
          if (event.step() == Step.RECALL_SENT) {
            recalled.countDown();
          }
        });
    // Not truncate(1): it opens without waiting, and gives up.
    Process breaker =
        new ProcessBuilder("dd", "if=/dev/null", "of=" + file, "status=none").inheritIO().start();
    try {
      assertThat(recalled.await(60, TimeUnit.SECONDS)).isTrue();
      measure("while a recall is held open", other, fast, true);
      assertThat(other.open(root, "g", READ, DENY_NONE).status()).isEqualTo("NFS4_OK");
      assertThat(breaker.isAlive()).as("the recall was open all the time").isTrue();
      assertThat(file).hasSize(8192);
    } finally {
      breaker.destroyForcibly();
    }
  }
}
