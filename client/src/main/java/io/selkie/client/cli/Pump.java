package io.selkie.client.cli;

import io.selkie.client.DirectFile;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;

/**
 * Moves bytes from a source to a sink through two native buffers: while one is written the other is
 * filled. Used by one thread at a time.
 */
final class Pump implements AutoCloseable {
  private static final int BUFFER_BYTES = 8 << 20;

  /** Fills buffers from a position. */
  @FunctionalInterface
  interface Source {
    /** Returns how many bytes were read, fewer than asked for only at the end; 0 at the end. */
    long read(MemorySegment target, long position) throws IOException;
  }

  /** Takes buffers in order. */
  @FunctionalInterface
  interface Sink {
    void write(MemorySegment bytes, long position) throws IOException;
  }

  private final Arena arena = Arena.ofShared();
  private final MemorySegment[] buffers = {
    arena.allocate(BUFFER_BYTES, 4096), arena.allocate(BUFFER_BYTES, 4096)
  };
  private final Executor reader =
      task -> Thread.ofPlatform().daemon().name("selkie-copy").start(task);

  /**
   * Copies until the source ends.
   *
   * @return bytes copied
   */
  long copy(Source source, Sink sink, Progress progress) throws IOException {
    long position = 0;
    int turn = 0;
    CompletableFuture<Long> filling = fill(source, buffers[turn], 0);
    while (true) {
      long bytes = join(filling);
      if (bytes <= 0) {
        return position;
      }
      MemorySegment full = buffers[turn].asSlice(0, bytes);
      turn ^= 1;
      boolean isLast = bytes < BUFFER_BYTES;
      filling =
          isLast
              ? CompletableFuture.completedFuture(0L)
              : fill(source, buffers[turn], position + bytes);
      try {
        sink.write(full, position);
      } catch (IOException e) {
        waitFor(filling);
        throw e;
      }
      position += bytes;
      progress.advanceTo(position);
    }
  }

  private CompletableFuture<Long> fill(Source source, MemorySegment buffer, long position) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return source.read(buffer, position);
          } catch (IOException e) {
            throw new CompletionException(e);
          }
        },
        reader);
  }

  private static long join(CompletableFuture<Long> filling) throws IOException {
    try {
      return filling.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof IOException io) {
        throw io;
      }
      throw e;
    }
  }

  /** The buffer must not be freed under a read that is still going on. */
  private static void waitFor(CompletableFuture<Long> filling) {
    var _ = filling.handle((bytes, failure) -> bytes).join();
  }

  static Source from(DirectFile file) {
    return (target, position) -> Math.max(0, file.read(target, position));
  }

  static Source from(FileChannel channel) {
    return (target, position) -> {
      ByteBuffer buffer = target.asByteBuffer();
      while (buffer.hasRemaining() && channel.read(buffer, position + buffer.position()) >= 0) {
        // Until the buffer is full or the file ends.
      }
      return buffer.position();
    };
  }

  static Source from(InputStream in) {
    return (target, position) -> {
      byte[] bytes = in.readNBytes((int) target.byteSize());
      MemorySegment.copy(bytes, 0, target, ValueLayout.JAVA_BYTE, 0, bytes.length);
      return bytes.length;
    };
  }

  static Sink to(FileChannel channel) {
    return (bytes, position) -> {
      ByteBuffer buffer = bytes.asByteBuffer();
      while (buffer.hasRemaining()) {
        channel.write(buffer, position + buffer.position());
      }
    };
  }

  @Override
  public void close() {
    arena.close();
  }
}
