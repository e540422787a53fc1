package io.selkie.test.block;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.OpenFlags;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Writes to a disk, on a client's own way to it, until the disk refuses: some threads, each to a
 * block of its own, each time a higher number.
 */
final class WritersPastTheServer implements AutoCloseable {

  private static final Kernel KERNEL = new LinuxKernel();

  /** EBADE, which the kernel makes of a reservation conflict. */
  private static final long CONFLICT = -52;

  private static final int BLOCK_BYTES = 4096;
  private static final int WRITERS = 4;
  private static final int WELL_UNDER_WAY = 50;

  /** More than the kernel gives a command that the disk does not answer, twice. */
  private static final long END_SECONDS = 150;

  private final long firstBlock;
  private final List<Writer> writers = new ArrayList<>();
  private final CountDownLatch wellUnderWay = new CountDownLatch(WRITERS * WELL_UNDER_WAY);
  private final int disk;
  private volatile boolean closed;

  /**
   * Begins.
   *
   * @param disk the client's way to it
   * @param firstBlock of 4 KiB each, from the beginning of the disk; the next ones are written too
   */
  WritersPastTheServer(Path disk, long firstBlock) throws IOException {
    this.firstBlock = firstBlock;
    this.disk = open(disk, OpenFlags.WRONLY);
    for (int i = 0; i < WRITERS; i++) {
      writers.add(new Writer(i));
    }
  }

  private final class Writer {

    private final long place;
    private final Thread thread;
    private volatile long acknowledged;
    private volatile long end;

    Writer(int number) {
      place = (firstBlock + number) * BLOCK_BYTES;
      thread = Thread.ofPlatform().daemon().name("writer-" + number).start(this::write);
    }

    private void write() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment block = arena.allocate(BLOCK_BYTES, BLOCK_BYTES);
        long result = BLOCK_BYTES;
        for (long count = 1; result == BLOCK_BYTES && !closed; count++) {
          for (int at = 0; at < BLOCK_BYTES; at += Long.BYTES) {
            block.set(JAVA_LONG, at, count);
          }
          result = KERNEL.pwrite(disk, block, place);
          if (result == BLOCK_BYTES) {
            acknowledged = count;
            wellUnderWay.countDown();
          }
        }
        end = result;
      }
    }
  }

  private static int open(Path disk, long access) throws IOException {
    long flags = access | OpenFlags.DIRECT | OpenFlags.CLOEXEC;
    int fd = KERNEL.openat2(Kernel.AT_FDCWD, disk.toString().getBytes(UTF_8), flags, 0, 0);
    if (fd < 0) {
      throw new IOException("opening " + disk + ": " + Errno.describe(fd));
    }
    return fd;
  }

  void awaitWellUnderWay() throws InterruptedException {
    assertThat(wellUnderWay.await(60, TimeUnit.SECONDS)).as("writing: %s", ends()).isTrue();
  }

  private List<Long> ends() {
    return writers.stream().map(writer -> writer.end).toList();
  }

  /** The numbers that the blocks have now, as the server's way to the disk shows them. */
  List<Long> stored(Path server) throws IOException {
    List<Long> numbers = new ArrayList<>();
    int fd = open(server, OpenFlags.RDONLY);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment block = arena.allocate(BLOCK_BYTES, BLOCK_BYTES);
      for (Writer writer : writers) {
        assertThat(KERNEL.pread(fd, block, writer.place)).isEqualTo(BLOCK_BYTES);
        long number = block.get(JAVA_LONG, 0);
        for (int at = 0; at < BLOCK_BYTES; at += Long.BYTES) {
          assertThat(block.get(JAVA_LONG, at)).as("a block is whole").isEqualTo(number);
        }
        numbers.add(number);
      }
    } finally {
      KERNEL.close(fd);
    }
    return numbers;
  }

  /** Each ends because the disk refuses, and not one write was lost before. */
  void assertRefused(List<Long> stored) throws InterruptedException {
    join();
    assertThat(ends()).as("what ended the writers").containsOnly(CONFLICT);
    for (int i = 0; i < WRITERS; i++) {
      long acknowledged = writers.get(i).acknowledged;
      assertThat(stored.get(i)).as("block %s", i).isBetween(acknowledged, acknowledged + 1);
    }
  }

  private void join() throws InterruptedException {
    for (Writer writer : writers) {
      writer.thread.join(TimeUnit.SECONDS.toMillis(END_SECONDS));
      assertThat(writer.thread.isAlive()).as("a writer that hangs").isFalse();
    }
  }

  @Override
  public void close() throws InterruptedException {
    closed = true;
    join();
    KERNEL.close(disk);
  }
}
