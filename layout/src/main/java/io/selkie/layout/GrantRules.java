package io.selkie.layout;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADIOMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADLAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_OPENMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_TOOSMALL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE;

import io.selkie.layout.LayoutArbiter.LayoutGetRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Sealer.Preparation;

/** What a LAYOUTGET's arguments come to, whatever the file's state. Stateless. */
final class GrantRules {

  private GrantRules() {}

  /** Refuses what no state of the file could make right; null when nothing speaks against it. */
  static LayoutGetResult.Refused check(
      LayoutGetRequest request, LayoutType type, LayoutPolicy policy) {
    if (type == null) {
      return refused(NFS4ERR_UNKNOWN_LAYOUTTYPE, "layout type " + request.layoutType());
    }
    if (request.ioMode() != LAYOUTIOMODE4_READ && request.ioMode() != LAYOUTIOMODE4_RW) {
      return refused(NFS4ERR_BADIOMODE, "iomode " + request.ioMode());
    }
    if (Long.compareUnsigned(request.length(), request.minLength()) < 0) {
      return refused(NFS4ERR_INVAL, "loga_length is less than loga_minlength");
    }
    if (Ranges.overflows(request.offset(), request.length())
        || Ranges.overflows(request.offset(), request.minLength())) {
      return refused(NFS4ERR_INVAL, "offset and length exceed NFS4_UINT64_MAX");
    }
    boolean readWrite = request.ioMode() == LAYOUTIOMODE4_RW;
    if (readWrite ? !request.writable() : !request.readable()) {
      return refused(NFS4ERR_OPENMODE, "the stateid's share access does not allow it");
    }
    if (readWrite && !request.file().writable()) {
      return refused(NFS4ERR_BADIOMODE, "the server has the file open for reading only");
    }
    long room = Integer.toUnsignedLong(request.maxBodyBytes()) - GrantWorker.LAYOUT4_BYTES;
    if (type.bodyBytes(1) > room) {
      return refused(NFS4ERR_TOOSMALL, "loga_maxcount " + request.maxBodyBytes());
    }
    long min = request.minLength();
    boolean tooLong = min != Ranges.TO_THE_END && (min < 0 || min > policy.grantBytesMax());
    if (request.offset() < 0 || tooLong) {
      return refused(
          min == 0 ? NFS4ERR_LAYOUTTRYLATER : NFS4ERR_BADLAYOUT,
          "offset " + request.offset() + ", least length " + Long.toUnsignedString(min));
    }
    return null;
  }

  private static LayoutGetResult.Refused refused(int status, String reason) {
    return new LayoutGetResult.Refused(status, false, reason);
  }

  /** What to seal: from the offset aligned down, as long as wanted, aligned up, and bounded. */
  static ByteRange wanted(LayoutGetRequest request, LayoutPolicy policy) {
    long mask = policy.alignmentBytes() - 1L;
    long start = request.offset() & ~mask;
    long bound =
        start > Long.MAX_VALUE - policy.grantBytesMax() - mask
            ? Long.MAX_VALUE
            : start + policy.grantBytesMax() + mask & ~mask;
    long length = request.length();
    long end =
        length <= 0 || length > Long.MAX_VALUE - mask - request.offset()
            ? Long.MAX_VALUE
            : request.offset() + length + mask & ~mask;
    return Ranges.between(start, Math.min(end, bound));
  }

  /** A sparse file may be longer than the disk: only what is needed soon is allocated. */
  static Preparation preparation(
      LayoutGetRequest request, ByteRange wanted, LayoutPolicy policy, int blockBytes) {
    // A least length without end is for reads only; the worker refuses it to writers.
    long min =
        Math.clamp(request.minLength(), 1L, Math.min(policy.grantBytesMax(), Long.MAX_VALUE >> 1));
    long mask = policy.alignmentBytes() - 1L;
    long least = request.offset() - wanted.offset() + min + mask & ~mask;
    return new Preparation(least, Math.max(least, policy.prepareWindowBytes()), blockBytes);
  }
}
