package io.selkie.rdma.iwarp;

import io.selkie.rdma.WorkStatus;
import io.selkie.rdma.iwarp.IwarpConnection.Signal;
import io.selkie.rdma.iwarp.IwarpConnection.State;
import io.selkie.rdma.iwarp.IwarpStatistics.Counter;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The receiving half of a connection: FPDUs to DDP segments to RDMAP messages.
 *
 * <p>An FPDU is taken only when it is there as a whole and its CRC is right; then its payload is
 * copied once, from the receive buffer into the region. The segment is checked before anything is
 * placed, in the order of RFC 5041 section 7.1 and RFC 5040 section 7.2. Two choices the RFCs
 * leave: segments of an untagged message must come in the order of their offsets (TCP delivers them
 * so, and every sender sends them so), and a Read Request must come in one segment.
 */
final class Inbound {

  private static final Logger LOG = LoggerFactory.getLogger(Inbound.class);

  private final IwarpConnection connection;
  private final CRC32C crc = new CRC32C();
  private boolean checksCrc;
  private boolean takesMessages;

  private byte[] message = {};
  private int messageBytes;
  private boolean messageDelivered;
  private int sendSequence = 1;
  private int readSequence = 1;
  private int invalidatedKey;

  // Octets of the oldest read's response that have been placed.
  private long placedOfRead;

  Inbound(IwarpConnection connection) {
    this.connection = connection;
  }

  void crc(boolean checks) {
    checksCrc = checks;
  }

  void takesMessages(boolean takes) {
    takesMessages = takes;
  }

  ByteBuffer message() {
    return ByteBuffer.wrap(message, 0, messageBytes).asReadOnlyBuffer();
  }

  int invalidatedKey() {
    return invalidatedKey;
  }

  /** Takes one FPDU; null when it was dealt with and the next may be tried. */
  Signal next(ReceiveBuffer in) {
    if (messageDelivered) {
      messageDelivered = false;
      messageBytes = 0;
    }
    int available = in.available();
    if (available < Fpdu.LENGTH_BYTES) {
      return Signal.NEED_INPUT;
    }
    ByteBuffer bytes = in.bytes();
    int start = in.start();
    bytes.clear();
    int ulpdu = bytes.getShort(start) & 0xFFFF;
    int total = Fpdu.bytes(ulpdu);
    if (available < total) {
      return Signal.NEED_INPUT;
    }
    int crcAt = start + total - Fpdu.CRC_BYTES;
    if (checksCrc) {
      crc.reset();
      crc.update(bytes.limit(crcAt).position(start));
      bytes.clear();
      if (Integer.reverseBytes(bytes.getInt(crcAt)) != (int) crc.getValue()) {
        return fail(TerminateCode.MPA_CRC, bytes, start, 0);
      }
    }
    Signal signal = segment(in, start + Fpdu.LENGTH_BYTES, ulpdu);
    if (signal != Signal.ENDED) {
      in.consume(total);
    }
    return signal;
  }

  private Signal segment(ReceiveBuffer in, int at, int ulpdu) {
    ByteBuffer bytes = in.bytes();
    if (ulpdu < Fpdu.TAGGED_HEADER_BYTES) {
      return fail(TerminateCode.MPA_FRAMING, bytes, at, ulpdu);
    }
    int ddp = bytes.get(at) & 0xFF;
    int rdmap = bytes.get(at + 1) & 0xFF;
    boolean tagged = (ddp & Fpdu.TAGGED) != 0;
    if ((ddp & Fpdu.DDP_VERSION_MASK) != Fpdu.DDP_VERSION) {
      return fail(
          tagged ? TerminateCode.DDP_TAGGED_VERSION : TerminateCode.DDP_UNTAGGED_VERSION,
          bytes,
          at,
          ulpdu);
    }
    if (!tagged && ulpdu < Fpdu.UNTAGGED_HEADER_BYTES) {
      return fail(TerminateCode.MPA_FRAMING, bytes, at, ulpdu);
    }
    // Version 0 of the RDMA Consortium goes with MPA revision 0, which the set-up refuses.
    if ((rdmap & Fpdu.RDMAP_VERSION_MASK) != Fpdu.RDMAP_VERSION) {
      return fail(TerminateCode.RDMAP_INVALID_VERSION, bytes, at, ulpdu);
    }
    boolean first = connection.state() == State.AWAIT_FIRST_FPDU;
    boolean readyToReceive = connection.awaitsReadyToReceive();
    if (first) {
      connection.transition(State.UP);
    }
    int opcode = rdmap & Fpdu.OPCODE_MASK;
    boolean last = (ddp & Fpdu.LAST) != 0;
    return tagged
        ? tagged(in, at, ulpdu, opcode, last)
        : untagged(in, at, ulpdu, opcode, last, readyToReceive);
  }

  // ---- tagged ----

  private Signal tagged(ReceiveBuffer in, int at, int ulpdu, int opcode, boolean last) {
    return switch (opcode) {
      case Fpdu.WRITE -> write(in, at, ulpdu, last);
      case Fpdu.READ_RESPONSE -> readResponse(in, at, ulpdu, last);
      default -> fail(TerminateCode.RDMAP_UNEXPECTED_OPCODE, in.bytes(), at, ulpdu);
    };
  }

  private Signal write(ReceiveBuffer in, int at, int ulpdu, boolean last) {
    ByteBuffer bytes = in.bytes();
    int payload = ulpdu - Fpdu.TAGGED_HEADER_BYTES;
    // STag and TO of a segment without payload must not be checked: RFC 5041 section 5.2.
    if (payload > 0) {
      int key = bytes.getInt(at + 2);
      long offset = bytes.getLong(at + 6);
      IwarpRegion region = connection.regions().lookup(key);
      TerminateCode trouble = checkWrite(region, offset, payload);
      if (trouble != null || !region.begin()) {
        return fail(
            trouble != null ? trouble : TerminateCode.DDP_TAGGED_INVALID_STAG, bytes, at, ulpdu);
      }
      if (!place(in, at + Fpdu.TAGGED_HEADER_BYTES, payload, region, offset)) {
        return connection.mayAccess()
            ? fail(TerminateCode.DDP_TAGGED_BOUNDS, bytes, at, ulpdu)
            : Signal.ENDED;
      }
      connection.statistics().add(Counter.WRITE_BYTES_IN, payload);
    }
    if (last) {
      connection.statistics().add(Counter.WRITES_IN, 1);
    }
    return null;
  }

  /**
   * RFC 5041 section 7.1. There is no DDP code for a missing right; such an STag has no buffer
   * "that allows Placement of the payload" and counts as invalid.
   */
  private TerminateCode checkWrite(IwarpRegion region, long offset, int bytes) {
    if (region == null || !region.isValid()) {
      return TerminateCode.DDP_TAGGED_INVALID_STAG;
    }
    if (region.domain() != connection.domain()) {
      return TerminateCode.DDP_TAGGED_STAG_NOT_ASSOCIATED;
    }
    if (!region.remoteWrite()) {
      return TerminateCode.DDP_TAGGED_INVALID_STAG;
    }
    if (Long.compareUnsigned(offset + bytes, offset) < 0) {
      return TerminateCode.DDP_TAGGED_TO_WRAP;
    }
    return region.contains(offset, bytes) ? null : TerminateCode.DDP_TAGGED_BOUNDS;
  }

  /** Places octets and ends the access; false when it could not be done. */
  private boolean place(ReceiveBuffer in, int from, int bytes, IwarpRegion region, long offset) {
    try {
      if (!connection.mayAccess()) {
        return false;
      }
      if (region.copyIn(in.segment(), from, offset - region.remoteAddress(), bytes)) {
        return true;
      }
      notPlaced(bytes, offset, region, "a page of it cannot be had");
    } catch (IllegalStateException e) {
      notPlaced(bytes, offset, region, e.getMessage());
    } finally {
      region.end();
    }
    return false;
  }

  private void notPlaced(int bytes, long offset, IwarpRegion region, String why) {
    connection.statistics().add(Counter.MEMORY_FAULTS, 1);
    LOG.warn(
        "Placing {} octets at offset {} of a region of {} octets of {} failed ({}): its storage is"
            + " bad, or the file was cut or unmapped while its key was out; the queue pair is"
            + " ended",
        bytes,
        offset - region.remoteAddress(),
        region.length(),
        region.domain().owner(),
        why);
  }

  private Signal readResponse(ReceiveBuffer in, int at, int ulpdu, boolean last) {
    ByteBuffer bytes = in.bytes();
    SendQueue queue = connection.sendQueue();
    if (queue.readsOutstanding() == 0) {
      return fail(TerminateCode.RDMAP_UNEXPECTED_OPCODE, bytes, at, ulpdu);
    }
    long read = queue.oldestRead();
    boolean placesData = queue.kind(read) == SendQueue.Kind.READ;
    long left = placesData ? queue.length(read) - placedOfRead : 0;
    int payload = ulpdu - Fpdu.TAGGED_HEADER_BYTES;
    if (payload > 0) {
      IwarpRegion region = queue.region(read);
      TerminateCode trouble = null;
      if (region == null || bytes.getInt(at + 2) != region.key()) {
        trouble = TerminateCode.DDP_TAGGED_INVALID_STAG;
      } else if (payload > left
          || bytes.getLong(at + 6) != region.remoteAddress() + queue.offset(read) + placedOfRead) {
        trouble = TerminateCode.DDP_TAGGED_BOUNDS;
      } else if (!region.begin()) {
        // Our own buffer went away under the read.
        queue.fail(read, WorkStatus.LOCAL_PROTECTION_ERROR);
        trouble = TerminateCode.DDP_TAGGED_INVALID_STAG;
      }
      if (trouble != null) {
        return fail(trouble, bytes, at, ulpdu);
      }
      long offset = region.remoteAddress() + queue.offset(read) + placedOfRead;
      if (!place(in, at + Fpdu.TAGGED_HEADER_BYTES, payload, region, offset)) {
        queue.fail(read, WorkStatus.LOCAL_PROTECTION_ERROR);
        return connection.mayAccess()
            ? fail(TerminateCode.DDP_TAGGED_BOUNDS, bytes, at, ulpdu)
            : Signal.ENDED;
      }
      placedOfRead += payload;
      left -= payload;
      connection.statistics().add(Counter.READ_BYTES_IN, payload);
    }
    if (last) {
      if (left != 0) {
        // A response shorter than what was asked for.
        return fail(TerminateCode.RDMAP_STREAM_CATASTROPHIC, bytes, at, ulpdu);
      }
      placedOfRead = 0;
      queue.oldestReadDone();
    }
    return null;
  }

  // ---- untagged ----

  private Signal untagged(
      ReceiveBuffer in, int at, int ulpdu, int opcode, boolean last, boolean readyToReceive) {
    ByteBuffer bytes = in.bytes();
    int queue = bytes.getInt(at + 6);
    TerminateCode trouble =
        switch (queue) {
          case Fpdu.QN_SEND ->
              opcode >= Fpdu.SEND && opcode <= Fpdu.SEND_SE_INVALIDATE
                  ? null
                  : TerminateCode.RDMAP_UNEXPECTED_OPCODE;
          case Fpdu.QN_READ_REQUEST ->
              opcode == Fpdu.READ_REQUEST ? null : TerminateCode.RDMAP_UNEXPECTED_OPCODE;
          case Fpdu.QN_TERMINATE ->
              opcode == Fpdu.TERMINATE ? null : TerminateCode.RDMAP_UNEXPECTED_OPCODE;
          default -> TerminateCode.DDP_INVALID_QN;
        };
    if (trouble != null) {
      return fail(trouble, bytes, at, ulpdu);
    }
    return switch (queue) {
      case Fpdu.QN_SEND -> send(in, at, ulpdu, opcode, last, readyToReceive);
      case Fpdu.QN_READ_REQUEST -> readRequest(bytes, at, ulpdu, last);
      default -> terminate(bytes, at, ulpdu);
    };
  }

  private Signal send(
      ReceiveBuffer in, int at, int ulpdu, int opcode, boolean last, boolean readyToReceive) {
    ByteBuffer bytes = in.bytes();
    int payload = ulpdu - Fpdu.UNTAGGED_HEADER_BYTES;
    int messagesMax = connection.config().limits().maxMessageBytes();
    int offset = bytes.getInt(at + 14);
    TerminateCode trouble = null;
    if (bytes.getInt(at + 10) != sendSequence) {
      trouble = TerminateCode.DDP_INVALID_MSN;
    } else if (readyToReceive && payload == 0 && last) {
      // The first FPDU of a peer-to-peer set-up says "ready to receive", nothing more.
      sendSequence++;
      return null;
    } else if (!takesMessages) {
      trouble = TerminateCode.DDP_NO_BUFFER;
    } else if (offset != messageBytes) {
      trouble = TerminateCode.DDP_INVALID_MO;
    } else if (payload > messagesMax - messageBytes) {
      trouble = TerminateCode.DDP_TOO_LONG;
    }
    if (trouble != null) {
      return fail(trouble, bytes, at, ulpdu);
    }
    if (message.length == 0 && payload > 0) {
      message = new byte[messagesMax];
    }
    bytes.get(at + Fpdu.UNTAGGED_HEADER_BYTES, message, messageBytes, payload);
    messageBytes += payload;
    if (!last) {
      return null;
    }
    int key = 0;
    if (opcode == Fpdu.SEND_INVALIDATE || opcode == Fpdu.SEND_SE_INVALIDATE) {
      key = bytes.getInt(at + 2);
      if (!invalidate(key)) {
        return fail(TerminateCode.RDMAP_CANNOT_INVALIDATE, bytes, at, ulpdu);
      }
    }
    invalidatedKey = key;
    messageDelivered = true;
    sendSequence++;
    connection.statistics().add(Counter.SENDS_IN, 1);
    connection.statistics().add(Counter.SEND_BYTES_IN, messageBytes);
    return Signal.MESSAGE;
  }

  /** A peer may take back the keys it was given: remote ones of its own domain that are alive. */
  private boolean invalidate(int key) {
    IwarpRegion region = connection.regions().lookup(key);
    if (region == null
        || region.domain() != connection.domain()
        || !region.isRemote()
        || !region.isValid()) {
      return false;
    }
    var _ = region.invalidate();
    return true;
  }

  private Signal readRequest(ByteBuffer bytes, int at, int ulpdu, boolean last) {
    int payload = ulpdu - Fpdu.UNTAGGED_HEADER_BYTES;
    InboundReads reads = connection.inboundReads();
    TerminateCode trouble = null;
    if (bytes.getInt(at + 10) != readSequence) {
      trouble = TerminateCode.DDP_INVALID_MSN;
    } else if (bytes.getInt(at + 14) != 0) {
      trouble = TerminateCode.DDP_INVALID_MO;
    } else if (payload > Fpdu.READ_REQUEST_BYTES) {
      trouble = TerminateCode.DDP_TOO_LONG;
    } else if (payload < Fpdu.READ_REQUEST_BYTES || !last) {
      trouble = TerminateCode.RDMAP_STREAM_CATASTROPHIC;
    } else if (reads.isFull()) {
      trouble = TerminateCode.DDP_NO_BUFFER;
    }
    if (trouble != null) {
      return fail(trouble, bytes, at, ulpdu);
    }
    int header = at + Fpdu.UNTAGGED_HEADER_BYTES;
    long size = bytes.getInt(header + 12) & 0xFFFF_FFFFL;
    int sourceKey = bytes.getInt(header + 16);
    long sourceOffset = bytes.getLong(header + 20);
    if (size > 0) {
      // Of an empty read neither key nor offset may be checked: RFC 5040 section 5.2.1.
      trouble = checkRead(connection.regions().lookup(sourceKey), sourceOffset, size);
      if (trouble != null) {
        return fail(trouble, bytes, at, ulpdu);
      }
    }
    reads.add(
        bytes.getInt(header),
        bytes.getLong(header + 4),
        size,
        sourceKey,
        sourceOffset,
        readSequence);
    readSequence++;
    connection.statistics().add(Counter.READS_IN, 1);
    return null;
  }

  /** RFC 5040 section 7.2. */
  TerminateCode checkRead(IwarpRegion region, long offset, long bytes) {
    if (region == null || !region.isValid()) {
      return TerminateCode.RDMAP_INVALID_STAG;
    }
    if (region.domain() != connection.domain()) {
      return TerminateCode.RDMAP_STAG_NOT_ASSOCIATED;
    }
    if (!region.isRemote()) {
      return TerminateCode.RDMAP_INVALID_STAG;
    }
    if (!region.remoteRead()) {
      return TerminateCode.RDMAP_ACCESS_RIGHTS;
    }
    if (Long.compareUnsigned(offset + bytes, offset) < 0) {
      return TerminateCode.RDMAP_TO_WRAP;
    }
    return region.contains(offset, bytes) ? null : TerminateCode.RDMAP_BOUNDS;
  }

  private Signal terminate(ByteBuffer bytes, int at, int ulpdu) {
    return connection.terminated(
        TerminateMessage.decode(
            bytes, at + Fpdu.UNTAGGED_HEADER_BYTES, ulpdu - Fpdu.UNTAGGED_HEADER_BYTES));
  }

  /**
   * Nothing of this segment nor of any later one is placed. Reads asked for before it are still
   * answered, so that the peer learns exactly which request failed; then the Terminate goes out.
   */
  private Signal fail(TerminateCode code, ByteBuffer bytes, int at, int ulpdu) {
    return connection.terminate(TerminateMessage.about(code, bytes, at, ulpdu), true);
  }
}
