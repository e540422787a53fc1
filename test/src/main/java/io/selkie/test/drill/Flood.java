package io.selkie.test.drill;

import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.WorkStatus;
import java.util.concurrent.CountDownLatch;
import java.util.random.RandomGenerator;

/**
 * Writes one-sided, here and there in a range, until it is told to end or is refused. Who is
 * refused tries a few times more, over new queue pairs: a fence is of the key, not of a connection.
 */
final class Flood implements Runnable {

  private static final int WRITE_BYTES = 4096;
  private static final int DEAD_TRIES = 4;

  private final DrillClient client;
  private final HeldLayout layout;
  private final long offset;
  private final long length;
  private final RandomGenerator random;
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean stop;

  Flood(DrillClient client, HeldLayout layout, long offset, long length, RandomGenerator random) {
    this.client = client;
    this.layout = layout;
    this.offset = offset;
    this.length = length;
    this.random = random;
  }

  HeldLayout layout() {
    return layout;
  }

  /** Asks it to end. */
  void stop() {
    stop = true;
  }

  /** Counted down when its first write is over, whatever came of it. */
  CountDownLatch begun() {
    return begun;
  }

  /** Counted down when it writes no more. */
  CountDownLatch ended() {
    return ended;
  }

  @Override
  public void run() {
    long placed = 0;
    int refused = 0;
    try {
      while (!stop && refused <= DEAD_TRIES) {
        try (Link link = client.link(layout)) {
          boolean up = true;
          while (!stop && up) {
            up = write(link);
            placed += up ? 1 : 0;
          }
          if (!up) {
            refused++;
          }
        } catch (RdmaException e) {
          // The server refuses queue pairs of a session that it has ended.
          client.count(layout, false, layout.over().isDone());
          client.noteRefused("no queue pair: " + e.reason());
          refused++;
        } finally {
          begun.countDown();
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      begun.countDown();
      ended.countDown();
      client.floodEnded(this, placed, refused);
    }
  }

  /** Writes once; whether it was placed. */
  private boolean write(Link link) throws InterruptedException {
    long blocks = Math.max(1, length / WRITE_BYTES);
    long at = offset + random.nextLong(blocks) * WRITE_BYTES;
    RdmaExtent4 extent = layout.at(at).orElseThrow(() -> new IllegalStateException("at " + at));
    int bytes = (int) Math.min(WRITE_BYTES, extent.fileOffset() + extent.length() - at);
    boolean wasOver = layout.over().isDone();
    WorkStatus status =
        link.write(
            extent.handle(),
            extent.storageOffset() + at - extent.fileOffset(),
            bytes,
            client.fill());
    boolean success = status == WorkStatus.SUCCESS;
    client.count(layout, success, wasOver);
    if (!success) {
      client.noteRefused(status.name());
    }
    begun.countDown();
    return success;
  }
}
