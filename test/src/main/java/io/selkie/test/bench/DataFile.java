package io.selkie.test.bench;

import java.io.IOException;

/**
 * One way to reach the data of one file, for measuring. One thread uses it; it keeps its own
 * buffers, so that a measured operation is the operation and nothing else.
 */
interface DataFile extends AutoCloseable {

  /** Reads {@link DataRounds#SMALL_BYTES} into the buffer that is kept for it. */
  void read(long offset) throws IOException;

  /** Writes {@link DataRounds#SMALL_BYTES} and returns when they are placed. */
  void write(long offset) throws IOException;

  /** So many reads of such a size, at most {@code inFlight} at a time, round and round the file. */
  void bulkRead(int count, int bytes, int inFlight) throws IOException;

  /** So many writes of such a size, at most {@code inFlight} at a time. */
  void bulkWrite(int count, int bytes, int inFlight) throws IOException;

  @Override
  void close() throws IOException;
}
