package io.selkie.client.nfs;

import io.selkie.client.ClientCounters;
import io.selkie.client.ClientCounters.Counter;
import io.selkie.client.FileHandle;
import io.selkie.client.nfs.FileCalls.ReadResult;
import io.selkie.client.nfs.FileCalls.Transfer;
import io.selkie.client.nfs.FileCalls.WriteResult;
import io.selkie.client.session.Deadline;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Verifier4;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * One file's data through NFS READ, WRITE and COMMIT. Unstable writes are kept until a COMMIT with
 * the same verifier says that they are on stable storage, and sent again when the verifier changed
 * (RFC 8881 section 18.3.4). What is kept is bounded: beyond it, a write commits first.
 *
 * <p>Safe for use by several threads; writes to the same bytes by several threads at a time end in
 * either order, as anywhere.
 */
public final class ServerData {
  private static final int WINDOW = 8;
  private static final int RESEND_ROUNDS_MAX = 8;

  private final FileCalls calls;
  private final FileHandle handle;
  private final String path;
  private final ClientCounters counters;
  private final int unstableBytesMax;
  private final Changes changes;
  private final List<Unstable> unstable = new ArrayList<>();
  private volatile boolean isDirty;
  private long unstableBytes;

  /**
   * Data of one file; nothing is kept yet.
   *
   * @param unstableBytesMax bytes kept for resending
   * @param changes told of every WRITE, also of those that are sent again
   */
  public ServerData(
      FileCalls calls,
      FileHandle handle,
      String path,
      ClientCounters counters,
      int unstableBytesMax,
      Changes changes) {
    this.calls = calls;
    this.handle = handle;
    this.path = path;
    this.counters = counters;
    this.unstableBytesMax = unstableBytesMax;
    this.changes = changes;
  }

  /** Hears what was changed through the server. */
  @FunctionalInterface
  public interface Changes {
    /**
     * Bytes {@code start} to {@code end}, exclusive, were written, or may have been by a try that
     * failed; called before the writer is told.
     *
     * @param isOver false when a WRITE was given up unanswered: the server may still carry it out
     */
    void changed(long start, long end, boolean isOver);
  }

  private record Unstable(long position, MemorySegment data, Verifier4 verifier) {}

  /**
   * Reads, several READs in flight. Fewer bytes than asked for means the end of the file.
   *
   * @return bytes read, from the start of {@code target}
   */
  public long read(Stateid4 stateid, long position, MemorySegment target, Deadline deadline)
      throws IOException {
    ArrayDeque<Transfer> inFlight = new ArrayDeque<>(WINDOW);
    long length = target.byteSize();
    long sent = 0;
    long received = 0;
    try {
      while (received < length) {
        sent = sendReads(stateid, position, target, deadline, inFlight, sent);
        Transfer oldest = inFlight.peekFirst();
        ReadResult result = oldest.finishRead();
        inFlight.removeFirst().close();
        counters.increment(Counter.NFS_READS);
        counters.add(Counter.NFS_READ_BYTES, result.bytes());
        received += result.bytes();
        if (result.endOfFile() || result.bytes() == 0) {
          return received;
        }
        if (result.bytes() < oldest.length) {
          // A short READ: what was sent behind it is not where it belongs; start over from there.
          abandon(inFlight);
          sent = received;
        }
      }
      return received;
    } finally {
      abandon(inFlight);
    }
  }

  private long sendReads(
      Stateid4 stateid,
      long position,
      MemorySegment target,
      Deadline deadline,
      ArrayDeque<Transfer> inFlight,
      long alreadySent)
      throws IOException {
    long sent = alreadySent;
    while (sent < target.byteSize() && inFlight.size() < WINDOW) {
      int bytes = chunk(target.byteSize() - sent);
      Transfer read =
          calls.startRead(
              handle,
              stateid,
              position + sent,
              target.asSlice(sent, bytes),
              deadline,
              inFlight.isEmpty(),
              path);
      if (read == null) {
        break;
      }
      inFlight.addLast(read);
      sent += bytes;
    }
    return sent;
  }

  private int chunk(long left) {
    return (int) Math.min(left, calls.session().transferBytesMax());
  }

  private static void abandon(ArrayDeque<Transfer> inFlight) {
    while (!inFlight.isEmpty()) {
      inFlight.removeFirst().close();
    }
  }

  /** Writes all of {@code source}, several WRITEs in flight; durable after {@link #commit}. */
  public void write(Stateid4 stateid, long position, MemorySegment source, Deadline deadline)
      throws IOException {
    ArrayDeque<Transfer> inFlight = new ArrayDeque<>(WINDOW);
    long length = source.byteSize();
    long sent = 0;
    boolean isOver = false;
    try {
      while (sent < length || !inFlight.isEmpty()) {
        if (needsCommit()) {
          commit(stateid);
        }
        while (sent < length && inFlight.size() < WINDOW) {
          int bytes = chunk(length - sent);
          Transfer write =
              calls.startWrite(
                  handle,
                  stateid,
                  position + sent,
                  source.asSlice(sent, bytes),
                  Nfs4Const.UNSTABLE4,
                  deadline,
                  inFlight.isEmpty(),
                  path);
          if (write == null) {
            break;
          }
          inFlight.addLast(write);
          sent += bytes;
        }
        Transfer oldest = inFlight.peekFirst();
        int written = finishWrite(oldest, source, oldest.position - position);
        inFlight.removeFirst().close();
        if (written < oldest.length) {
          // A short WRITE: the rest of it on its own.
          long from = oldest.position - position + written;
          write(stateid, position + from, source.asSlice(from, oldest.length - written), deadline);
        }
      }
      isOver = true;
    } finally {
      abandon(inFlight);
      changes.changed(position, position + length, isOver);
    }
  }

  private int finishWrite(Transfer write, MemorySegment source, long offset) throws IOException {
    WriteResult result = write.finishWrite();
    counters.increment(Counter.NFS_WRITES);
    counters.add(Counter.NFS_WRITE_BYTES, result.bytes());
    if (result.committed() == Nfs4Const.UNSTABLE4) {
      byte[] copy = source.asSlice(offset, result.bytes()).toArray(ValueLayout.JAVA_BYTE);
      keep(new Unstable(write.position, MemorySegment.ofArray(copy), result.verifier()));
    }
    return result.bytes();
  }

  private synchronized void keep(Unstable write) {
    unstable.add(write);
    isDirty = true;
    unstableBytes += write.data.byteSize();
  }

  private synchronized boolean needsCommit() {
    return unstableBytes > unstableBytesMax / 2;
  }

  /** Whether there are writes that a COMMIT must make durable. */
  public boolean isDirty() {
    return isDirty;
  }

  /**
   * Makes all writes that returned before durable. Sends again what the server lost.
   *
   * @param stateid for writes that are sent again
   */
  public void commit(Stateid4 stateid) throws IOException {
    for (int round = 0; ; round++) {
      List<Unstable> covered;
      synchronized (this) {
        covered = List.copyOf(unstable);
      }
      Verifier4 verifier = calls.commit(handle, path);
      List<Unstable> lost = new ArrayList<>();
      for (Unstable write : covered) {
        if (!write.verifier.equals(verifier)) {
          lost.add(write);
        }
      }
      drop(covered, !lost.isEmpty());
      if (lost.isEmpty()) {
        return;
      }
      if (round == RESEND_ROUNDS_MAX) {
        synchronized (this) {
          lost.forEach(this::keep);
        }
        throw new IOException(
            path + ": the server's write verifier changed " + round + " times in a row");
      }
      resend(stateid, lost);
    }
  }

  private synchronized void drop(List<Unstable> writes, boolean mustResend) {
    // Kept writes are only ever added at the end, and dropped from the front in the same order.
    for (Unstable write : writes) {
      if (unstable.remove(write)) {
        unstableBytes -= write.data.byteSize();
      }
    }
    isDirty = mustResend || !unstable.isEmpty();
  }

  /** In the order they were written, one by one, so that a later one stays on top. */
  private void resend(Stateid4 stateid, List<Unstable> lost) throws IOException {
    for (int i = 0; i < lost.size(); i++) {
      boolean done = false;
      try {
        writeOnce(stateid, lost.get(i));
        counters.increment(Counter.NFS_RESENDS);
        done = true;
      } finally {
        if (!done) {
          // Still owed: a later commit finds another verifier and tries again.
          lost.subList(i, lost.size()).forEach(this::keep);
        }
      }
    }
  }

  private void writeOnce(Stateid4 stateid, Unstable write) throws IOException {
    long offset = 0;
    Deadline deadline = calls.session().deadline();
    boolean isOver = false;
    while (offset < write.data.byteSize()) {
      MemorySegment rest = write.data.asSlice(offset);
      MemorySegment next = rest.asSlice(0, chunk(rest.byteSize()));
      try (Transfer transfer =
          calls.startWrite(
              handle,
              stateid,
              write.position + offset,
              next,
              Nfs4Const.UNSTABLE4,
              deadline,
              true,
              path)) {
        isOver = false;
        offset += finishWrite(transfer, next, 0);
        isOver = true;
      } finally {
        changes.changed(write.position, write.position + write.data.byteSize(), isOver);
      }
    }
  }
}
