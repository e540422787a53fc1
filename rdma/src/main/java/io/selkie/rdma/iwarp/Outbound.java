package io.selkie.rdma.iwarp;

import io.selkie.rdma.iwarp.IwarpConnection.State;
import io.selkie.rdma.iwarp.IwarpStatistics.Counter;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sending half of a connection: requests and read responses to FPDUs in chunks.
 *
 * <p>Payload is copied once, from the region into the chunk; the CRC is taken over the chunk, while
 * it is in the cache and cannot change any more. Read responses are made segment by segment, only
 * as the driver asks for octets, so a peer that does not read costs no more than the chunks the
 * driver allows. A message is finished before another one begins (several peers keep one state for
 * all tagged messages); between messages requests and responses take turns.
 */
final class Outbound {

  private static final Logger LOG = LoggerFactory.getLogger(Outbound.class);

  /** What is being sent. */
  private enum Current {
    NOTHING,
    RESPONSE,
    REQUEST
  }

  private final IwarpConnection connection;
  private final int payloadMax;
  private final CRC32C crc = new CRC32C();
  private boolean makesCrc;
  private boolean markers;

  private MpaFrame handshake;
  private int readyToReceive = -1;
  private TerminateMessage terminate;
  private boolean answersReads;
  private boolean terminateSent;

  private Current current = Current.NOTHING;
  private boolean responseWasLast;

  // The request being sent: its number, octets sent, and whether its write part is out.
  private long request;
  private long requestSent;
  private boolean confirming;

  private int sendSequence = 1;
  private int readSequence = 1;
  // Octets of the chunks before this one, and where in this one they ended.
  private long producedBytes;
  private int chunkStart;
  private long writtenBytes;
  // Octets of FPDUs and markers so far: markers go by it.
  private long streamBytes;

  Outbound(IwarpConnection connection) {
    this.connection = connection;
    payloadMax = connection.config().limits().maxFpduPayloadBytes();
  }

  void handshake(MpaFrame frame) {
    handshake = frame;
  }

  void agreed(boolean crcs, boolean withMarkers) {
    makesCrc = crcs;
    markers = withMarkers;
  }

  /** The first FPDU is one without payload, of this opcode: RFC 6581 section 9.2. */
  void readyToReceive(int opcode) {
    if (opcode == Fpdu.READ_REQUEST) {
      // Goes through the queue, because its response has to be waited for.
      var _ = connection.sendQueue().post(SendQueue.Kind.READY_TO_RECEIVE, null, 0, 0, 0, 0, 0);
    } else {
      readyToReceive = opcode;
    }
  }

  void terminate(TerminateMessage message, boolean answerReads) {
    terminate = message;
    answersReads = answerReads;
  }

  /** How many reads after the oldest one on the wire has this sequence number. */
  int readIndex(int sequence) {
    return sequence - (readSequence - connection.sendQueue().readsOutstanding());
  }

  void written(long bytes) {
    writtenBytes += bytes;
    SendQueue queue = connection.sendQueue();
    if (queue != null) {
      queue.writtenTo(writtenBytes);
    }
  }

  boolean hasOutput() {
    if (handshake != null) {
      return true;
    }
    if (connection.state() == State.UP) {
      return connection.mayAccess()
          && (readyToReceive >= 0
              || current != Current.NOTHING
              || connection.inboundReads().size() > 0
              || requestIsReady());
    }
    return connection.state() == State.TERMINATING && !terminateSent && connection.mayAccess();
  }

  void produce(Chunk chunk) {
    chunkStart = chunk.bytes().position();
    boolean more = true;
    while (more) {
      more = step(chunk);
    }
    producedBytes += chunk.bytes().position() - chunkStart;
  }

  /** Appends one frame; false when nothing more goes in now. */
  private boolean step(Chunk chunk) {
    if (handshake != null) {
      handshake.encode(chunk.bytes());
      handshake = null;
      return true;
    }
    if (!connection.mayAccess()) {
      return false;
    }
    return switch (connection.state()) {
      case UP -> stepUp(chunk);
      case TERMINATING -> stepTerminating(chunk);
      default -> false;
    };
  }

  private boolean stepUp(Chunk chunk) {
    if (readyToReceive >= 0) {
      return sendReadyToReceive(chunk);
    }
    if (current == Current.NOTHING) {
      boolean responses = connection.inboundReads().size() > 0;
      boolean requests = requestIsReady();
      if (!responses && !requests) {
        return false;
      }
      if (responses && (!requests || !responseWasLast)) {
        current = Current.RESPONSE;
      } else {
        current = Current.REQUEST;
        if (!confirming) {
          request = connection.sendQueue().next();
          requestSent = 0;
        }
      }
      responseWasLast = current == Current.RESPONSE;
    }
    return current == Current.RESPONSE ? sendResponse(chunk) : sendRequest(chunk);
  }

  private boolean stepTerminating(Chunk chunk) {
    if (terminateSent) {
      return false;
    }
    if (answersReads && connection.inboundReads().size() > 0) {
      return sendResponse(chunk);
    }
    byte[] body = terminate.body();
    int ulpdu = Fpdu.UNTAGGED_HEADER_BYTES + body.length;
    if (!fits(chunk, ulpdu)) {
      return false;
    }
    int start = beginUntagged(chunk, ulpdu, Fpdu.TERMINATE, true, 0, Fpdu.QN_TERMINATE, 1, 0);
    chunk.bytes().put(body);
    finish(chunk, start);
    terminateSent = true;
    return false;
  }

  private boolean sendReadyToReceive(Chunk chunk) {
    if (!fits(chunk, Fpdu.UNTAGGED_HEADER_BYTES)) {
      return false;
    }
    int start;
    if (readyToReceive == Fpdu.WRITE) {
      start = beginTagged(chunk, Fpdu.TAGGED_HEADER_BYTES, Fpdu.WRITE, true, 0, 0);
    } else {
      start =
          beginUntagged(
              chunk,
              Fpdu.UNTAGGED_HEADER_BYTES,
              Fpdu.SEND,
              true,
              0,
              Fpdu.QN_SEND,
              sendSequence++,
              0);
    }
    finish(chunk, start);
    readyToReceive = -1;
    return true;
  }

  // ---- responses ----

  private boolean sendResponse(Chunk chunk) {
    InboundReads reads = connection.inboundReads();
    long left = reads.bytesLeft();
    int payload = (int) Math.min(left, payloadMax);
    if (!fits(chunk, Fpdu.TAGGED_HEADER_BYTES + payload)) {
      return false;
    }
    boolean last = payload == left;
    IwarpRegion region = null;
    if (payload > 0) {
      region = connection.regions().lookup(reads.sourceKey());
      // Again, and for every segment: the key may have died since the last one.
      TerminateCode trouble = connection.inbound().checkRead(region, reads.sourceOffset(), payload);
      if (trouble == null && !region.begin()) {
        trouble = TerminateCode.RDMAP_INVALID_STAG;
      }
      if (trouble != null) {
        return failResponse(trouble);
      }
      if (!connection.mayAccess()) {
        region.end();
        return false;
      }
    }
    int mark = chunk.bytes().position();
    int start =
        beginTagged(
            chunk,
            Fpdu.TAGGED_HEADER_BYTES + payload,
            Fpdu.READ_RESPONSE,
            last,
            reads.sinkKey(),
            reads.sinkOffset());
    if (payload > 0) {
      if (!fetch(chunk, region, reads.sourceOffset() - region.remoteAddress(), payload)) {
        chunk.bytes().position(mark);
        return failResponse(TerminateCode.RDMAP_BOUNDS);
      }
      connection.statistics().add(Counter.READ_BYTES_OUT, payload);
    }
    finish(chunk, start);
    reads.sent(payload);
    if (last) {
      reads.removeOldest();
      current = Current.NOTHING;
    }
    return true;
  }

  /** The read that is being answered met an error; the ones behind it are not answered. */
  private boolean failResponse(TerminateCode code) {
    TerminateMessage message = TerminateMessage.about(code, connection.inboundReads());
    connection.inboundReads().clear();
    current = Current.NOTHING;
    if (connection.state() == State.TERMINATING) {
      // The first error is the one to tell, but this request came before the one that met it.
      terminate = message;
    } else {
      var _ = connection.terminate(message, false);
    }
    return true;
  }

  /** Copies octets of a region that was begun into the chunk, which keeps the access. */
  private boolean fetch(Chunk chunk, IwarpRegion region, long offset, int bytes) {
    ByteBuffer out = chunk.bytes();
    String trouble;
    try {
      trouble =
          region.copyOut(offset, chunk.segment(), out.position(), bytes)
              ? null
              : "a page of it cannot be had";
    } catch (IllegalStateException e) {
      trouble = e.getMessage();
    }
    if (trouble != null) {
      region.end();
      connection.statistics().add(Counter.MEMORY_FAULTS, 1);
      LOG.warn(
          "Reading {} octets at offset {} of a region of {} octets of {} failed ({}): its storage"
              + " is bad, or the file was cut or unmapped while its key was out; the queue pair is"
              + " ended",
          bytes,
          offset,
          region.length(),
          region.domain().owner(),
          trouble);
      return false;
    }
    out.position(out.position() + bytes);
    chunk.hold(region);
    return true;
  }

  // ---- requests ----

  private boolean requestIsReady() {
    SendQueue queue = connection.sendQueue();
    if (confirming) {
      return queue.readsOutstanding() < connection.outboundReads();
    }
    long next = queue.next();
    if (next < 0) {
      return false;
    }
    SendQueue.Kind kind = queue.kind(next);
    return kind == SendQueue.Kind.WRITE_AND_CONFIRM
        || !kind.isRead()
        || queue.readsOutstanding() < connection.outboundReads();
  }

  private boolean sendRequest(Chunk chunk) {
    SendQueue queue = connection.sendQueue();
    return switch (queue.kind(request)) {
      case READ, READY_TO_RECEIVE -> sendRead(chunk, queue);
      case WRITE -> sendWrite(chunk, queue);
      case WRITE_AND_CONFIRM -> confirming ? sendRead(chunk, queue) : sendWrite(chunk, queue);
      case SEND, SEND_INVALIDATE -> sendSend(chunk, queue);
    };
  }

  private boolean sendRead(Chunk chunk, SendQueue queue) {
    int ulpdu = Fpdu.UNTAGGED_HEADER_BYTES + Fpdu.READ_REQUEST_BYTES;
    if (!fits(chunk, ulpdu)) {
      return false;
    }
    boolean placesData = queue.kind(request) == SendQueue.Kind.READ;
    IwarpRegion region = queue.region(request);
    if (placesData && (region == null || !region.isValid() || region.readOnly())) {
      connection.failLocally(request);
      return true;
    }
    int start =
        beginUntagged(
            chunk, ulpdu, Fpdu.READ_REQUEST, true, 0, Fpdu.QN_READ_REQUEST, readSequence++, 0);
    chunk
        .bytes()
        .putInt(placesData ? region.key() : 0)
        .putLong(placesData ? region.remoteAddress() + queue.offset(request) : 0)
        .putInt(placesData ? (int) queue.length(request) : 0)
        .putInt(queue.remoteKey(request))
        .putLong(queue.remoteAddress(request));
    finish(chunk, start);
    confirming = false;
    connection.statistics().add(Counter.READS_OUT, 1);
    requestOut(chunk, queue);
    return true;
  }

  private boolean sendWrite(Chunk chunk, SendQueue queue) {
    long left = queue.length(request) - requestSent;
    int payload = (int) Math.min(left, payloadMax);
    if (!fits(chunk, Fpdu.TAGGED_HEADER_BYTES + payload)) {
      return false;
    }
    boolean last = payload == left;
    IwarpRegion region = queue.region(request);
    if (region == null || !region.begin()) {
      connection.failLocally(request);
      return true;
    }
    int mark = chunk.bytes().position();
    int start =
        beginTagged(
            chunk,
            Fpdu.TAGGED_HEADER_BYTES + payload,
            Fpdu.WRITE,
            last,
            queue.remoteKey(request),
            queue.remoteAddress(request) + requestSent);
    if (!fetch(chunk, region, queue.offset(request) + requestSent, payload)) {
      chunk.bytes().position(mark);
      connection.failLocally(request);
      return true;
    }
    finish(chunk, start);
    requestSent += payload;
    connection.statistics().add(Counter.WRITE_BYTES_OUT, payload);
    if (last) {
      connection.statistics().add(Counter.WRITES_OUT, 1);
      if (queue.kind(request) == SendQueue.Kind.WRITE_AND_CONFIRM) {
        confirming = true;
        current = Current.NOTHING;
      } else {
        requestOut(chunk, queue);
      }
    }
    return true;
  }

  private boolean sendSend(Chunk chunk, SendQueue queue) {
    long left = queue.length(request) - requestSent;
    int payload = (int) Math.min(left, payloadMax);
    if (!fits(chunk, Fpdu.UNTAGGED_HEADER_BYTES + payload)) {
      return false;
    }
    boolean last = payload == left;
    IwarpRegion region = queue.region(request);
    if (region == null || !region.begin()) {
      connection.failLocally(request);
      return true;
    }
    boolean invalidates = queue.kind(request) == SendQueue.Kind.SEND_INVALIDATE;
    int mark = chunk.bytes().position();
    int start =
        beginUntagged(
            chunk,
            Fpdu.UNTAGGED_HEADER_BYTES + payload,
            invalidates ? Fpdu.SEND_INVALIDATE : Fpdu.SEND,
            last,
            invalidates ? queue.remoteKey(request) : 0,
            Fpdu.QN_SEND,
            sendSequence,
            (int) requestSent);
    if (!fetch(chunk, region, queue.offset(request) + requestSent, payload)) {
      chunk.bytes().position(mark);
      connection.failLocally(request);
      return true;
    }
    finish(chunk, start);
    requestSent += payload;
    connection.statistics().add(Counter.SEND_BYTES_OUT, payload);
    if (last) {
      sendSequence++;
      connection.statistics().add(Counter.SENDS_OUT, 1);
      requestOut(chunk, queue);
    }
    return true;
  }

  /** The last octet of the request is in the chunk. */
  private void requestOut(Chunk chunk, SendQueue queue) {
    queue.started(request, producedBytes + chunk.bytes().position() - chunkStart);
    current = Current.NOTHING;
  }

  // ---- frames ----

  private boolean fits(Chunk chunk, int ulpdu) {
    int bytes = Fpdu.bytes(ulpdu);
    return chunk.canHold() && chunk.bytes().remaining() >= (markers ? Fpdu.marked(bytes) : bytes);
  }

  private int beginTagged(Chunk chunk, int ulpdu, int opcode, boolean last, int key, long offset) {
    ByteBuffer out = chunk.bytes();
    int start = out.position();
    out.putShort((short) ulpdu)
        .put((byte) (Fpdu.TAGGED | (last ? Fpdu.LAST : 0) | Fpdu.DDP_VERSION))
        .put((byte) (Fpdu.RDMAP_VERSION | opcode))
        .putInt(key)
        .putLong(offset);
    return start;
  }

  private int beginUntagged(
      Chunk chunk,
      int ulpdu,
      int opcode,
      boolean last,
      int invalidatedKey,
      int queue,
      int sequence,
      int offset) {
    ByteBuffer out = chunk.bytes();
    int start = out.position();
    out.putShort((short) ulpdu)
        .put((byte) ((last ? Fpdu.LAST : 0) | Fpdu.DDP_VERSION))
        .put((byte) (Fpdu.RDMAP_VERSION | opcode))
        .putInt(invalidatedKey)
        .putInt(queue)
        .putInt(sequence)
        .putInt(offset);
    return start;
  }

  /** Pad, markers and CRC. */
  private void finish(Chunk chunk, int start) {
    ByteBuffer out = chunk.bytes();
    while ((out.position() - start & 3) != 0) {
      out.put((byte) 0);
    }
    if (markers) {
      insertMarkers(chunk, start);
    }
    int end = out.position();
    int value = 0;
    if (makesCrc) {
      crc.reset();
      crc.update(out.limit(end).position(start));
      out.limit(out.capacity());
      value = (int) crc.getValue();
    }
    out.putInt(Integer.reverseBytes(value));
    streamBytes += out.position() - start;
  }

  /**
   * Puts markers into the FPDU that stands without its CRC from {@code start} to the position: one
   * at every 512th octet of the stream, pointing back to the FPDU's length field (RFC 5044 section
   * 4.3). One that falls right before the CRC belongs to this FPDU, one right before the length
   * field too. From the end to the front, so that every octet moves once.
   */
  private void insertMarkers(Chunk chunk, int start) {
    ByteBuffer out = chunk.bytes();
    int raw = out.position() - start;
    int interval = Fpdu.MARKER_INTERVAL_BYTES;
    int first = (int) ((interval - streamBytes % interval) % interval);
    // Markers at stream offsets first, first + 512, … as long as they lie before the CRC's end.
    int count = 0;
    while (first + count * interval <= raw + count * Fpdu.MARKER_BYTES) {
      count++;
    }
    MemorySegment memory = chunk.segment();
    int lengthField = first == 0 ? Fpdu.MARKER_BYTES : 0;
    int tail = raw;
    for (int i = count - 1; i >= 0; i--) {
      int marker = first + i * interval;
      int from = marker - i * Fpdu.MARKER_BYTES;
      MemorySegment.copy(
          memory, start + from, memory, start + marker + Fpdu.MARKER_BYTES, tail - from);
      int pointer = marker == 0 ? 0 : marker - lengthField;
      out.putInt(start + marker, pointer);
      tail = from;
    }
    out.position(start + raw + count * Fpdu.MARKER_BYTES);
  }
}
