package io.selkie.test.bench;

import io.selkie.config.time.NanoClock;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.SessionId4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.protocol.xdr.Xdr;
import io.selkie.protocol.xdr.XdrWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.SplittableRandom;
import org.HdrHistogram.Histogram;

/**
 * A closed loop on one connection: each slot of the session always has one request under way. The
 * requests are made once, and only numbers in them change, so this costs far less than any server
 * does: nothing is allocated, and what comes in together is answered together by one gathering
 * write. Used by one thread at a time.
 *
 * <p>Every reply is checked: xid, RPC status, status of the compound, and how many bytes were read
 * or written.
 */
final class NfsLoad {

  /** Where things stand in a reply, counted from its xid, when all its operations succeeded. */
  private static final int REPLY_STATUS_AT = 24;

  private static final int FIRST_RESULT_AT = 36;
  private static final int THIRD_RESULT_AT =
      FIRST_RESULT_AT + 8 + SessionId4.BYTES + 5 * Integer.BYTES + 8;

  private static final int ACCEPT_STAT_AT = 20;
  private static final int REQUEST_BYTES = 1024;

  private final NfsLoadSession session;
  private final NfsLoadSession.OpenedFile file;
  private final long fileBytes;
  private final NanoClock clock;
  private final SplittableRandom random;
  private final NfsReplyScanner replies = new NfsReplyScanner();
  private final int[] sequences;
  private final long[] sentAt;
  private final ByteBuffer[] requests;
  private final ByteBuffer[] payloads;
  private final ByteBuffer[] gathered;

  /** Where in the requests of the workload the numbers are that change. */
  private int sequenceAt;

  private int offsetAt;

  /**
   * Makes one.
   *
   * @param file open on the session, with {@code fileBytes} bytes in it
   * @param dataBytesMax most file data in one operation
   */
  NfsLoad(
      NfsLoadSession session,
      NfsLoadSession.OpenedFile file,
      long fileBytes,
      int dataBytesMax,
      NanoClock clock,
      long seed) {
    this.session = session;
    this.file = file;
    this.fileBytes = fileBytes;
    this.clock = clock;
    this.random = new SplittableRandom(seed);
    int slots = session.slots();
    this.sequences = new int[slots];
    this.sentAt = new long[slots];
    this.requests = new ByteBuffer[slots];
    this.gathered = new ByteBuffer[2 * slots];
    this.payloads = new ByteBuffer[slots];
    // All slots send the same bytes: what the processor's caches hold of them is no server's merit.
    ByteBuffer data = ByteBuffer.allocateDirect(dataBytesMax);
    while (data.hasRemaining()) {
      data.put((byte) random.nextInt());
    }
    for (int i = 0; i < slots; i++) {
      requests[i] = ByteBuffer.allocateDirect(REQUEST_BYTES);
      payloads[i] = data.duplicate();
    }
  }

  /**
   * Runs a workload until a moment; then waits for what is under way.
   *
   * @param untilNanos on the clock
   * @param latencies takes each operation's nanoseconds
   * @return how many operations ended before that moment
   */
  long run(NfsWorkload workload, long untilNanos, Histogram latencies) throws IOException {
    sequences[0] = session.sequenceOfSlot0();
    prepare(workload);
    int slots = requests.length;
    int count = 0;
    for (int slot = 0; slot < slots; slot++) {
      count = add(workload, slot, count);
    }
    send(count);
    long done = 0;
    int underWay = slots;
    boolean over = false;
    while (underWay > 0) {
      replies.receive(session.channel());
      long now = clock.nanoTime();
      over |= now - untilNanos >= 0;
      count = 0;
      for (ByteBuffer head = replies.next(); head != null; head = replies.next()) {
        int slot = check(workload, head, replies.endRecord());
        Latency.record(latencies, now - sentAt[slot]);
        if (over) {
          underWay--;
        } else {
          done++;
          count = add(workload, slot, count);
        }
      }
      send(count);
    }
    session.sequenceOfSlot0(sequences[0]);
    return done;
  }

  /** Fills the file: sequentially, one request after the other on each slot. */
  void fill() throws IOException {
    NfsWorkload workload = NfsWorkload.WRITE_1M;
    sequences[0] = session.sequenceOfSlot0();
    prepare(workload);
    for (long at = 0; at < fileBytes; at += workload.dataBytes()) {
      int count = add(workload, 0, 0);
      requests[0].putLong(offsetAt, at);
      send(count);
      ByteBuffer head;
      while ((head = replies.next()) == null) {
        replies.receive(session.channel());
      }
      check(workload, head, replies.endRecord());
    }
    session.sequenceOfSlot0(sequences[0]);
  }

  private void prepare(NfsWorkload workload) {
    for (int slot = 0; slot < requests.length; slot++) {
      XdrWriter out = new XdrWriter(requests[slot].clear());
      NfsLoadSession.header(out, slot, session.credential(), 3);
      sequenceAt = out.position() + Integer.BYTES + SessionId4.BYTES;
      NfsLoadSession.sequence(out, session.sessionId(), 0, slot, requests.length);
      out.int32(NfsOp4.OP_PUTFH);
      out.opaque(file.handle());
      int bytes = workload.dataBytes();
      int behind = 0;
      switch (workload) {
        case GETATTR -> {
          out.int32(NfsOp4.OP_GETATTR);
          linuxAttributes().encode(out);
        }
        case READ_4K, READ_1M -> {
          out.int32(NfsOp4.OP_READ);
          Stateids.encode(out, file.stateid());
          offsetAt = out.reserveInt64();
          out.int32(bytes);
        }
        case WRITE_4K, WRITE_1M -> {
          out.int32(NfsOp4.OP_WRITE);
          Stateids.encode(out, file.stateid());
          offsetAt = out.reserveInt64();
          out.int32(Nfs4Const.UNSTABLE4);
          out.int32(bytes);
          behind = Xdr.padded(bytes);
        }
      }
      int length = out.position() - RecordMark.BYTES + behind;
      out.patchInt32(0, RecordMark.lastFragment(length));
      requests[slot].flip();
    }
  }

  /** What Linux asks for to revalidate a file. */
  static Bitmap4 linuxAttributes() {
    return Bitmap4.of(
        FileAttributes.FATTR4_TYPE,
        FileAttributes.FATTR4_CHANGE,
        FileAttributes.FATTR4_SIZE,
        FileAttributes.FATTR4_FSID,
        FileAttributes.FATTR4_FILEID,
        FileAttributes.FATTR4_MODE,
        FileAttributes.FATTR4_NUMLINKS,
        FileAttributes.FATTR4_OWNER,
        FileAttributes.FATTR4_OWNER_GROUP,
        FileAttributes.FATTR4_RAWDEV,
        FileAttributes.FATTR4_SPACE_USED,
        FileAttributes.FATTR4_TIME_ACCESS,
        FileAttributes.FATTR4_TIME_METADATA,
        FileAttributes.FATTR4_TIME_MODIFY,
        FileAttributes.FATTR4_MOUNTED_ON_FILEID);
  }

  private int add(NfsWorkload workload, int slot, int count) {
    ByteBuffer request = requests[slot];
    sequences[slot]++;
    request.putInt(sequenceAt, sequences[slot]);
    int bytes = workload.dataBytes();
    if (bytes > 0) {
      long places = fileBytes / bytes;
      request.putLong(offsetAt, random.nextLong(places) * bytes);
    }
    sentAt[slot] = clock.nanoTime();
    gathered[count] = request.position(0);
    if (!workload.isWrite()) {
      return count + 1;
    }
    gathered[count + 1] = payloads[slot].position(0).limit(bytes);
    return count + 2;
  }

  private void send(int count) throws IOException {
    SocketChannel channel = session.channel();
    int from = 0;
    while (from < count) {
      channel.write(gathered, from, count - from);
      while (from < count && !gathered[from].hasRemaining()) {
        from++;
      }
    }
  }

  /** The slot that was answered. */
  private int check(NfsWorkload workload, ByteBuffer reply, long length) throws IOException {
    int slot = reply.getInt(0);
    int status = reply.getInt(REPLY_STATUS_AT);
    if (slot < 0
        || slot >= requests.length
        || reply.getInt(ACCEPT_STAT_AT) != 0
        || status != NfsStat4.NFS4_OK) {
      throw new IOException(
          "%s: reply to slot %d: %s".formatted(workload, slot, NfsStat4.name(status)));
    }
    int bytes = workload.dataBytes();
    if (bytes > 0) {
      // A READ says the end of file before its length.
      int at = THIRD_RESULT_AT + 2 * Integer.BYTES + (workload.isRead() ? Integer.BYTES : 0);
      int moved = reply.getInt(at);
      if (moved != bytes || (workload.isRead() && length < bytes)) {
        throw new IOException("%s: only %d bytes moved".formatted(workload, moved));
      }
    }
    return slot;
  }
}
