package io.selkie.test.support;

import io.selkie.client.DirectFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Copies whole files between the local disk and a server with several chunks in flight. */
public final class BulkCopy {

  private static final int CHUNK_BYTES = 1 << 20;
  private static final int IN_FLIGHT = 8;

  private BulkCopy() {}

  /** A buffer and the operation that uses it. */
  private static final class Slot {
    private final MemorySegment memory;
    private CompletableFuture<Long> operation = CompletableFuture.completedFuture(0L);
    private long position;
    private int length;

    Slot(MemorySegment memory) {
      this.memory = memory;
    }

    MemorySegment part() {
      return memory.asSlice(0, length);
    }

    ByteBuffer bytes() {
      return part().asByteBuffer();
    }

    /** Waits for the operation. */
    void await() throws IOException {
      try {
        long done = operation.get();
        if (done != length) {
          throw new IOException(done + " bytes instead of " + length + " at " + position);
        }
      } catch (ExecutionException e) {
        throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("interrupted", e);
      }
    }
  }

  /** Writes a local file's bytes into a file on the server; the number of bytes. */
  public static long toServer(Path from, DirectFile to) throws IOException {
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(from, StandardOpenOption.READ)) {
      long size = channel.size();
      to.setSize(size);
      Slot[] slots = slots(arena);
      for (long position = 0, i = 0; position < size; i++) {
        Slot slot = slots[(int) (i % IN_FLIGHT)];
        slot.await();
        slot.position = position;
        slot.length = (int) Math.min(CHUNK_BYTES, size - position);
        fill(channel, slot.bytes(), position);
        slot.operation = to.writeAsync(slot.part(), position);
        position += slot.length;
      }
      awaitAll(slots);
      return size;
    }
  }

  /** Reads a file on the server into a local one; the number of bytes. */
  public static long fromServer(DirectFile from, long size, Path to) throws IOException {
    try (Arena arena = Arena.ofShared();
        FileChannel channel =
            FileChannel.open(
                to,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING)) {
      Slot[] slots = slots(arena);
      for (long position = 0, i = 0; position < size; i++) {
        Slot slot = slots[(int) (i % IN_FLIGHT)];
        keep(channel, slot);
        slot.position = position;
        slot.length = (int) Math.min(CHUNK_BYTES, size - position);
        slot.operation = from.readAsync(slot.part(), position);
        position += slot.length;
      }
      for (Slot slot : slots) {
        keep(channel, slot);
      }
      return size;
    }
  }

  private static void keep(FileChannel channel, Slot slot) throws IOException {
    slot.await();
    ByteBuffer bytes = slot.bytes();
    while (bytes.hasRemaining()) {
      channel.write(bytes, slot.position + bytes.position());
    }
  }

  private static Slot[] slots(Arena arena) {
    Slot[] slots = new Slot[IN_FLIGHT];
    for (int i = 0; i < IN_FLIGHT; i++) {
      slots[i] = new Slot(arena.allocate(CHUNK_BYTES, 4096));
    }
    return slots;
  }

  private static void awaitAll(Slot[] slots) throws IOException {
    for (Slot slot : slots) {
      slot.await();
    }
  }

  private static void fill(FileChannel channel, ByteBuffer target, long position)
      throws IOException {
    while (target.hasRemaining()) {
      if (channel.read(target, position + target.position()) < 0) {
        throw new IOException("the file became shorter while it was read");
      }
    }
  }
}
