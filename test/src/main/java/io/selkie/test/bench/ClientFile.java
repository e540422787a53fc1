package io.selkie.test.bench;

import io.selkie.client.DirectFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** A file of the client library, one-sided or through NFS as it was opened. */
final class ClientFile implements DataFile {

  private static final int BUFFER_BYTES = DataRounds.LARGE_BYTES;
  private static final int IN_FLIGHT_MAX = 64;

  /**
   * One call of the library, which keeps 16 requests of 1 MiB in flight from the caller's thread.
   */
  private static final long CALL_BYTES = 64L << 20;

  private final DirectFile file;
  private final boolean oneSided;
  private final long sizeBytes;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment[] buffers = new MemorySegment[IN_FLIGHT_MAX];
  private final MemorySegment small;
  private MemorySegment large;

  /**
   * Takes the file over.
   *
   * @param oneSided whether bulk goes in long blocking calls, which the library cuts into requests
   *     of 1 MiB and pipelines; otherwise in asynchronous calls of one operation each
   */
  ClientFile(DirectFile file, long sizeBytes, boolean oneSided) {
    this.file = file;
    this.oneSided = oneSided;
    this.sizeBytes = sizeBytes;
    this.small = arena.allocate(DataRounds.SMALL_BYTES, DataRounds.SMALL_BYTES);
    small.fill((byte) 's');
  }

  private MemorySegment buffer(int number, int bytes) {
    if (buffers[number] == null) {
      buffers[number] = arena.allocate(BUFFER_BYTES, DataRounds.SMALL_BYTES).fill((byte) 'b');
    }
    return buffers[number].asSlice(0, bytes);
  }

  @Override
  public void read(long offset) throws IOException {
    long bytes = file.read(small, offset);
    if (bytes != small.byteSize()) {
      throw new IOException("read " + bytes + " bytes of " + small.byteSize());
    }
  }

  @Override
  public void write(long offset) throws IOException {
    file.write(small, offset);
  }

  @Override
  public void bulkRead(int count, int bytes, int inFlight) throws IOException {
    if (oneSided) {
      calls((long) count * bytes, file::read);
    } else {
      bulk(count, bytes, inFlight, file::readAsync);
    }
  }

  @Override
  public void bulkWrite(int count, int bytes, int inFlight) throws IOException {
    if (oneSided) {
      calls(
          (long) count * bytes,
          (memory, position) -> {
            file.write(memory, position);
            return memory.byteSize();
          });
    } else {
      bulk(count, bytes, inFlight, file::writeAsync);
    }
  }

  @FunctionalInterface
  private interface Call {
    long run(MemorySegment memory, long position) throws IOException;
  }

  private void calls(long total, Call call) throws IOException {
    if (large == null) {
      large = arena.allocate(CALL_BYTES, DataRounds.SMALL_BYTES).fill((byte) 'b');
    }
    long position = 0;
    for (long left = total; left > 0; ) {
      long bytes = Math.min(left, Math.min(CALL_BYTES, sizeBytes - position));
      long done = call.run(large.asSlice(0, bytes), position);
      if (done != bytes) {
        throw new IOException("a bulk call fell short: " + done + " bytes of " + bytes);
      }
      left -= bytes;
      position = position + bytes < sizeBytes ? position + bytes : 0;
    }
  }

  @FunctionalInterface
  private interface Start {
    CompletableFuture<Long> start(MemorySegment memory, long position);
  }

  private void bulk(int count, int bytes, int inFlight, Start start) throws IOException {
    if (inFlight > IN_FLIGHT_MAX) {
      throw new IllegalArgumentException(inFlight + " in flight, at most " + IN_FLIGHT_MAX);
    }
    @SuppressWarnings({"unchecked", "rawtypes"})
    CompletableFuture<Long>[] running = new CompletableFuture[inFlight];
    long position = 0;
    for (int i = 0; i < count; i++) {
      int slot = i % inFlight;
      await(running[slot], bytes);
      running[slot] = start.start(buffer(slot, bytes), position);
      position = position + 2L * bytes <= sizeBytes ? position + bytes : 0;
    }
    for (CompletableFuture<Long> operation : running) {
      await(operation, bytes);
    }
  }

  private static void await(CompletableFuture<Long> operation, int bytes) throws IOException {
    if (operation == null) {
      return;
    }
    try {
      if (operation.get() != bytes) {
        throw new IOException("a bulk operation fell short");
      }
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
    arena.close();
  }
}
