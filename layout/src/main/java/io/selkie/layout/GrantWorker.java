package io.selkie.layout;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADLAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTTRYLATER;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOSPC;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_SERVERFAULT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_TOOSMALL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_WRONG_TYPE;

import io.selkie.config.time.NanoClock;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.layout.LayoutType.LayoutTypeException;
import io.selkie.layout.LayoutType.PlannedPart;
import io.selkie.lease.BlockMap;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer;
import io.selkie.lease.Sealer.BreakCause;
import io.selkie.lease.Sealer.LeaseOutcome;
import io.selkie.lease.Sealer.Purpose;
import io.selkie.lease.Sealer.Refusal.Reason;
import io.selkie.lease.Sealer.SealListener;
import io.selkie.lease.Sealer.SealOutcome;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The part of a LAYOUTGET that calls the kernel and the RDMA provider: prepare, seal and verify by
 * the sealer, then register, in the order of S1. Runs on a thread that may block, without any lock.
 */
final class GrantWorker {

  private static final Logger LOG = LoggerFactory.getLogger(GrantWorker.class);

  /** XDR of a layout4 around its body: offset, length, iomode, type, length of the body. */
  static final int LAYOUT4_BYTES = 8 + 8 + 4 + 4 + 4;

  private final Sealer sealer;
  private final NanoClock clock;
  private final LayoutEvents events;

  GrantWorker(Sealer sealer, NanoClock clock, LayoutEvents events) {
    this.sealer = sealer;
    this.clock = clock;
    this.events = events;
  }

  /** Takes events of the file that is worked on, from any thread. */
  interface EventSink {
    void on(FileEvent event);
  }

  /** Works on a grant; answers {@code GrantReady} or {@code GrantFailed}. */
  FileEvent work(GrantOp op, EventSink file) {
    Seal seal = op.seal;
    List<Part> parts = new ArrayList<>();
    try {
      Optional<String> unsuitable = unsuitable(op);
      if (unsuitable.isPresent()) {
        return new FileEvent.GrantFailed(
            op, seal, parts, NFS4ERR_LAYOUTUNAVAILABLE, unsuitable.get());
      }
      if (seal == null) {
        op.type.settleSoon(op.request.file());
      }
      Purpose purpose = op.isReadWrite() ? Purpose.READ_WRITE : Purpose.READ;
      SealOutcome outcome =
          seal == null
              ? sealer.seal(
                  op.request.file(), purpose, op.range, op.preparation, listener(op, file))
              : sealer.extend(seal, purpose, op.range, op.preparation);
      return switch (outcome) {
        case SealOutcome.Refused refused ->
            new FileEvent.GrantFailed(
                op,
                seal,
                parts,
                status(op, refused.refusal().reason()),
                refused.refusal().message(),
                refused.refusal().reason() == Reason.HOLE_GRANTED);
        case SealOutcome.Sealed sealed -> {
          if (seal == null) {
            seal = sealed.seal();
            tell(
                op.request.file(),
                op.clientId(),
                Step.SEALED,
                sealed.map().range().length(),
                seal.mode().name());
          }
          yield register(op, seal, sealed.map(), parts, file);
        }
      };
    } catch (RuntimeException | Error e) {
      // Whatever it is, the file must hear that its grant is over, or nobody gets one ever again.
      LOG.error("LAYOUTGET of {} {} failed", op.request.file().describe(), op.range, e);
      op.error = e instanceof Error error ? error : null;
      return new FileEvent.GrantFailed(op, seal, parts, NFS4ERR_SERVERFAULT, e.toString());
    }
  }

  /** Before anything is allocated for a file that gets nothing of this type anyway. */
  private Optional<String> unsuitable(GrantOp op) {
    boolean exact = op.namesStorage() && sealer.mayBeExact(op.request.file());
    return op.type.unsuitable(op.request.file(), exact);
  }

  /** The kernel's part of a delegation; answers {@code DelegationReady}. */
  FileEvent lease(DelegationOp op, EventSink file) {
    Seal made = null;
    try {
      if (op.seal == null) {
        switch (sealer.hold(op.request.file(), listener(op, file))) {
          case LeaseOutcome.Leased leased -> {
            made = leased.seal();
            // Whether or not it comes to a delegation: the seal will be told to be released.
            tell(op.request.file(), op.clientId(), Step.SEALED, 0, made.mode().name());
          }
          case LeaseOutcome.Refused refused -> {
            return new FileEvent.DelegationReady(op, null, refused.refusal().message());
          }
        }
      }
      if (!op.request.undisturbed().getAsBoolean()) {
        return new FileEvent.DelegationReady(op, made, "another client has the file open");
      }
      if (op.type() == DelegationType.WRITE) {
        op.change = op.request.change().getAsLong();
      }
      return new FileEvent.DelegationReady(op, made, null);
    } catch (RuntimeException | Error e) {
      // As above: a file that waits for this answer is sealed for ever.
      LOG.error("delegation of {} failed", op.request.file().describe(), e);
      op.error = e instanceof Error error ? error : null;
      return new FileEvent.DelegationReady(op, made, e.toString());
    }
  }

  private static SealListener listener(Object op, EventSink file) {
    return (_, cause, seenAtNanos, deadlineNanos) ->
        file.on(
            new FileEvent.SealBreaking(
                op,
                cause == BreakCause.AUDIT_DIFFERENCE
                    ? RecallCause.AUDIT_DIFFERENCE
                    : RecallCause.KERNEL_LEASE_BREAK,
                seenAtNanos,
                deadlineNanos));
  }

  private FileEvent register(
      GrantOp op, Seal seal, BlockMap map, List<Part> parts, EventSink file) {
    Optional<String> unsuitable = op.type.unsuitable(seal.target(), seal.exact());
    if (unsuitable.isPresent()) {
      return new FileEvent.GrantFailed(
          op, seal, parts, NFS4ERR_LAYOUTUNAVAILABLE, unsuitable.get());
    }
    List<PlannedPart> plan = op.type.plan(map, seal.exact(), op.request.ioMode(), extentsIn(op));
    plan = startingAt(plan, op.request.offset(), op.namesStorage());
    FileEvent refusal = judge(op, seal, map, plan, parts);
    if (refusal != null) {
      return refusal;
    }
    op.sharesBlocks =
        seal.exact() && plan.stream().anyMatch(p -> !p.isHole() && Part.isShared(p.blocks()));
    file.on(new FileEvent.GrantVerified(op));
    if (!op.registering) {
      return new FileEvent.GrantFailed(
          op, seal, parts, NFS4ERR_LAYOUTTRYLATER, "the seal is being taken back");
    }
    if (op.type.isGone(op.clientId())) {
      // Holes are granted without asking the type for a handle. Who goes from here on finds this
      // grant in its file.
      return new FileEvent.GrantFailed(op, seal, parts, NFS4ERR_BAD_STATEID, "the client is gone");
    }
    ByteRange range =
        Ranges.between(plan.getFirst().range().offset(), plan.getLast().range().end());
    Optional<String> unsettled = op.type.settle(seal, range, op.request.ioMode());
    if (unsettled.isPresent()) {
      return new FileEvent.GrantFailed(op, seal, parts, NFS4ERR_LAYOUTTRYLATER, unsettled.get());
    }
    try {
      return open(op, seal, plan, parts);
    } finally {
      // Also of a grant that failed half-way: what was registered is told when it is invalidated.
      if (!parts.isEmpty()) {
        long bytes =
            parts.stream().filter(part -> !part.isHole()).mapToLong(p -> p.range.length()).sum();
        tell(op.request.file(), op.clientId(), Step.REGISTERED, bytes, "parts " + parts.size());
      }
    }
  }

  private static FileEvent open(GrantOp op, Seal seal, List<PlannedPart> plan, List<Part> parts) {
    List<LayoutHandle> handles = new ArrayList<>(plan.size());
    for (PlannedPart planned : plan) {
      if (planned.isHole()) {
        handles.add(null);
        parts.add(Part.hole(planned.range()));
        continue;
      }
      if (!seal.addHandle(planned.blocks(), op.type.names())) {
        return new FileEvent.GrantFailed(
            op, seal, parts, NFS4ERR_LAYOUTTRYLATER, "the seal is being taken back");
      }
      LayoutHandle handle;
      RegistrationFlight flight = new RegistrationFlight();
      flight.begin();
      try {
        handle = op.type.open(op.clientId(), seal, planned, op.request.ioMode());
      } catch (LayoutTypeException e) {
        seal.removeHandle(planned.blocks());
        return new FileEvent.GrantFailed(
            op, seal, parts, NFS4ERR_LAYOUTUNAVAILABLE, e.getMessage());
      } catch (RuntimeException | Error e) {
        seal.removeHandle(planned.blocks());
        throw e;
      }
      if (flight.shouldCommit()) {
        flight.client = HexFormat.of().toHexDigits(op.clientId());
        flight.file = op.request.file().describe();
        flight.offset = planned.range().offset();
        flight.bytes = planned.range().length();
        flight.commit();
      }
      handles.add(handle);
      parts.add(new Part(planned.range(), planned.blocks(), handle, seal));
    }
    ByteBuffer content = op.type.encode(plan, handles, op.request.ioMode());
    ByteRange granted =
        Ranges.between(plan.getFirst().range().offset(), plan.getLast().range().end());
    return new FileEvent.GrantReady(op, seal, granted, parts, content);
  }

  /** How many extents the reply may have: the client's limit and ours. */
  private static int extentsIn(GrantOp op) {
    long room = Integer.toUnsignedLong(op.request.maxBodyBytes()) - LAYOUT4_BYTES;
    int low = 0;
    int high = op.extentsMax;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (op.type.bodyBytes(middle) <= room) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  /** The first extent has to contain loga_offset. */
  private static List<PlannedPart> startingAt(
      List<PlannedPart> plan, long offset, boolean ofManyExtents) {
    int first = 0;
    while (first < plan.size() && plan.get(first).range().end() <= offset) {
      first++;
    }
    List<PlannedPart> rest = plan.subList(first, plan.size());
    if (!ofManyExtents || rest.isEmpty() || rest.getFirst().blocks().extents().isEmpty()) {
      return rest;
    }
    PlannedPart part = rest.getFirst();
    long start =
        part.blocks().extents().stream()
            .filter(extent -> extent.end() > offset)
            .findFirst()
            .orElseThrow()
            .logical();
    if (start > part.range().offset()) {
      ByteRange range = Ranges.between(start, part.range().end());
      rest = new ArrayList<>(rest);
      rest.set(0, new PlannedPart(range, part.blocks().clip(range)));
    }
    return rest;
  }

  /** RFC 8881 table 22, with what the RDMA layout says about the end of file. */
  private FileEvent judge(
      GrantOp op, Seal seal, BlockMap map, List<PlannedPart> plan, List<Part> parts) {
    long offset = op.request.offset();
    long min = op.request.minLength();
    long end = plan.isEmpty() ? offset : plan.getLast().range().end();
    boolean endOfFile = map.range().end() < op.range.end();
    boolean toTheEnd = endOfFile && end >= map.range().end();
    boolean covered =
        min == Ranges.TO_THE_END
            ? toTheEnd && !op.isReadWrite()
            : Long.compareUnsigned(end - offset, min) >= 0 || (toTheEnd && !op.isReadWrite());
    if (end > offset && covered) {
      return null;
    }
    boolean cutShort = op.type.extents(plan) >= extentsIn(op) && end < map.range().end();
    if (cutShort && extentsIn(op) < op.extentsMax) {
      return new FileEvent.GrantFailed(
          op, seal, parts, NFS4ERR_TOOSMALL, "loga_maxcount " + op.request.maxBodyBytes());
    }
    return new FileEvent.GrantFailed(
        op,
        seal,
        parts,
        min == 0 ? NFS4ERR_LAYOUTTRYLATER : NFS4ERR_BADLAYOUT,
        "can grant up to " + end + ", wanted " + Long.toUnsignedString(min) + " from " + offset);
  }

  private static int status(GrantOp op, Reason reason) {
    return switch (reason) {
      case BREAKING, MAP_CHANGED, HOLE_GRANTED -> NFS4ERR_LAYOUTTRYLATER;
      case PAST_END -> op.request.minLength() == 0 ? NFS4ERR_LAYOUTTRYLATER : NFS4ERR_BADLAYOUT;
      case NO_SPACE -> NFS4ERR_NOSPC;
      case NOT_REGULAR -> NFS4ERR_WRONG_TYPE;
      // Clients go through the server and ask again at the next open; an NFS4ERR_IO here would
      // reach the application of some of them.
      case IN_USE, NOT_PERMITTED, UNSUPPORTED, UNSUITABLE_EXTENTS, MEDIA_ERROR, SYSTEM ->
          NFS4ERR_LAYOUTUNAVAILABLE;
    };
  }

  private void tell(SealTarget file, long clientId, Step step, long bytes, String detail) {
    events.on(
        new LayoutEvents.Event(
            clock.nanoTime(),
            step,
            0,
            file.identity(),
            file.describe(),
            clientId,
            null,
            bytes,
            detail));
  }
}
