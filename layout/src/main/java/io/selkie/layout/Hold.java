package io.selkie.layout;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * All that one client holds of one file by one layout type, under one layout stateid (RFC 8881
 * section 12.5.3). Who reaches a file through two exports has two filehandles of it, takes them for
 * two files, and has a hold for each. Guarded by its file's lock; the final fields may be read
 * without.
 */
final class Hold {

  /** So many fit the smallest callback that a client may ask for. */
  private static final int CALLS_MAX = 16;

  /**
   * Key of a hold within its file.
   *
   * @param fileHandle its bytes, not to be changed
   */
  record Key(long clientId, int layoutType, ByteBuffer fileHandle) {}

  final FileIdentity file;
  final long clientId;
  final int layoutType;

  /** As the client named the file, and is to be told of it; not to be changed. */
  final byte[] fileHandle;

  final boolean returnOnClose;
  final long otherHigh;
  final int otherLow;

  private final List<Segment> segments = new ArrayList<>(1);
  final List<PendingRecall> pending = new ArrayList<>(0);

  /** Parts that the client may still use. */
  int heldParts;

  /** The latest request on each slot that granted something; the oldest go when too many. */
  private List<CallReference> grantedBy = List.of();

  private int seqid;

  Hold(FileIdentity file, Key key, boolean returnOnClose, Stateid4 stateid) {
    this.file = file;
    this.clientId = key.clientId();
    this.layoutType = key.layoutType();
    this.fileHandle = key.fileHandle().array();
    this.returnOnClose = returnOnClose;
    this.otherHigh = stateid.otherHigh();
    this.otherLow = stateid.otherLow();
    this.seqid = stateid.seqid();
  }

  /** Notes the request that a grant goes out to. */
  void grantedTo(CallReference call) {
    List<CallReference> calls = new ArrayList<>(grantedBy);
    calls.removeIf(call::isOnSlotOf);
    if (calls.size() == CALLS_MAX) {
      calls.removeFirst();
    }
    calls.add(call);
    grantedBy = List.copyOf(calls);
  }

  List<CallReference> grantedBy() {
    return grantedBy;
  }

  Key key() {
    return new Key(clientId, layoutType, ByteBuffer.wrap(fileHandle));
  }

  void add(Segment segment) {
    segment.index = segments.size();
    segments.add(segment);
    heldParts += segment.parts.length;
  }

  void remove(Segment segment) {
    Segment last = segments.removeLast();
    if (last != segment) {
      segments.set(segment.index, last);
      last.index = segment.index;
    }
  }

  /** Whether no handle is left. */
  boolean isDead() {
    return segments.isEmpty();
  }

  /** What was granted and is not all dead, a copy. */
  Segment[] segments() {
    return segments.toArray(Segment[]::new);
  }

  /** The parts that the client may still use. */
  List<Part> held() {
    List<Part> held = new ArrayList<>(heldParts);
    for (Segment segment : segments) {
      for (Part part : segment.parts) {
        if (part.state().isHeld()) {
          held.add(part);
        }
      }
    }
    return held;
  }

  /** The parts whose handles may still be usable. */
  List<Part> live() {
    List<Part> live = new ArrayList<>(heldParts);
    for (Segment segment : segments) {
      for (Part part : segment.parts) {
        if (part.state().isLive()) {
          live.add(part);
        }
      }
    }
    return live;
  }

  int seqid() {
    return seqid;
  }

  Stateid4 stateid() {
    return new Stateid4(seqid, otherHigh, otherLow);
  }

  boolean isNamedBy(Stateid4 stateid) {
    return stateid.otherHigh() == otherHigh && stateid.otherLow() == otherLow;
  }

  /** One more operation was processed: 0xFFFFFFFF is followed by 1, zero is never used. */
  Stateid4 advance() {
    seqid++;
    if (seqid == 0) {
      seqid = 1;
    }
    return stateid();
  }

  /**
   * RFC 8881 section 12.5.5.2.1.4: zero is bad, and so is one that was never given (section 8.2.4);
   * one from before the range of parallelism is old.
   */
  int checkSeqid(int presented, int range) {
    if (presented == 0) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    int behind = seqid - presented;
    if (behind < 0) {
      return NfsStat4.NFS4ERR_BAD_STATEID;
    }
    return behind > range ? NfsStat4.NFS4ERR_OLD_STATEID : NfsStat4.NFS4_OK;
  }

  /** Whether nothing is left that the stateid stands for. */
  boolean isOver() {
    return heldParts == 0 && pending.isEmpty();
  }
}
