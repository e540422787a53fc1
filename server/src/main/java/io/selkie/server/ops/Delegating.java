package io.selkie.server.ops;

import io.selkie.layout.CallbackChannel.CallReference;
import io.selkie.layout.DelegationArbiter;
import io.selkie.layout.DelegationArbiter.DelegationRequest;
import io.selkie.layout.DelegationArbiter.DelegationResult;
import io.selkie.layout.DelegationType;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The delegation in the answers of OPEN and WANT_DELEGATION. Stateless but for its services. */
final class Delegating {

  private static final Logger LOG = LoggerFactory.getLogger(Delegating.class);

  /** Everybody, and nothing: the client asks with ACCESS before it opens by itself. */
  private static final byte[] WHO = {'E', 'V', 'E', 'R', 'Y', 'O', 'N', 'E', '@'};

  private static final int ACE4_ACCESS_ALLOWED_ACE_TYPE = 0;

  /** Type, stateid, recall, space limit, and an ace with its padded who. */
  static final int RESULT_BYTES = 4 + Stateids.BYTES + 4 + 3 * 4 + 3 * 4 + 4 + 12;

  /** The unit in which unwritten data is limited. */
  private static final int LIMIT_BLOCK_BYTES = 4096;

  /** The part of the free space that one holder may promise its user without asking. */
  private static final int LIMIT_PART = 16;

  private final FileServices services;

  Delegating(FileServices services) {
    this.services = services;
  }

  /**
   * What goes out.
   *
   * @param type OPEN_DELEGATE_*
   * @param stateid of the delegation; null when there is none
   * @param recalled whether it is being recalled already
   * @param limitBlocks how many blocks the client may keep unwritten; for write delegations
   * @param why WND4_*, for OPEN_DELEGATE_NONE_EXT
   * @param openStateid of the open; all zero when there is none
   * @param resultFlags OPEN4_RESULT_*
   */
  record Answer(
      int type,
      Stateid4 stateid,
      boolean recalled,
      int limitBlocks,
      int why,
      Stateid4 openStateid,
      int resultFlags) {

    static Answer none(boolean extended, int why) {
      return new Answer(
          extended ? OpenConst4.OPEN_DELEGATE_NONE_EXT : OpenConst4.OPEN_DELEGATE_NONE,
          null,
          false,
          0,
          why,
          Stateids.ANONYMOUS,
          0);
    }

    Answer with(Stateid4 open, int flags) {
      return new Answer(type, stateid, recalled, limitBlocks, why, open, flags);
    }

    /** The current stateid after the operation. */
    Stateid4 current() {
      return (resultFlags & OpenConst4.OPEN4_RESULT_NO_OPEN_STATEID) != 0 ? stateid : openStateid;
    }
  }

  // ---------------------------------------------------------------- OPEN

  /** Checks the delegation that an open is claimed by; NFS4_OK when it is claimed otherwise. */
  int checkClaim(CompoundContext c, OpenArgs args, VfsFile file) {
    return args.isUnderDelegation()
        ? services
            .arbiter()
            .delegations()
            .checkIo(c.clientId(), args.delegation(), file.identity(), args.wantsWrite())
        : NfsStat4.NFS4_OK;
  }

  /** The delegation that goes with an open, or why there is none. */
  Answer forOpen(
      CompoundContext c, OpenArgs args, VfsFile file, OpenFile target, Stateid4 openStateid) {
    if (args.claim() == OpenConst4.CLAIM_PREVIOUS) {
      return reclaimed(c, args, file, target).with(openStateid, 0);
    }
    int want = args.access() & OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_MASK;
    boolean extended = (args.access() & Open.WANT_MASK) != 0;
    Answer refusal =
        switch (want) {
          case OpenConst4.OPEN4_SHARE_ACCESS_WANT_NO_DELEG ->
              Answer.none(true, OpenConst4.WND4_NOT_WANTED);
          case OpenConst4.OPEN4_SHARE_ACCESS_WANT_CANCEL ->
              Answer.none(true, OpenConst4.WND4_CANCELLED);
          default ->
              args.isUnderDelegation() ? Answer.none(extended, OpenConst4.WND4_NOT_WANTED) : null;
        };
    if (refusal != null) {
      return refusal.with(openStateid, 0);
    }
    DelegationType type =
        want == OpenConst4.OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG || args.wantsWrite()
            ? DelegationType.WRITE
            : DelegationType.READ;
    if (want == OpenConst4.OPEN4_SHARE_ACCESS_WANT_READ_DELEG && type == DelegationType.WRITE) {
      // Nothing is promised to a writer by keeping other writers away only.
      return Answer.none(true, OpenConst4.WND4_RESOURCE).with(openStateid, 0);
    }
    Answer answer = ask(c, file, target, type, args.access(), false, extended);
    if (answer.stateid() == null || !mayGoWithout(c, args, openStateid)) {
      return answer.with(openStateid, 0);
    }
    var closed = services.opens().close(c.clientId(), openStateid, file.identity());
    return closed.status() == NfsStat4.NFS4_OK
        ? answer.with(Stateids.ANONYMOUS, OpenConst4.OPEN4_RESULT_NO_OPEN_STATEID)
        : answer.with(openStateid, 0);
  }

  /** What the client held before the restart it gets again; nothing else. */
  private Answer reclaimed(CompoundContext c, OpenArgs args, VfsFile file, OpenFile target) {
    DelegationType type =
        switch (args.delegateType()) {
          case OpenConst4.OPEN_DELEGATE_READ, OpenConst4.OPEN_DELEGATE_READ_ATTRS_DELEG ->
              DelegationType.READ;
          case OpenConst4.OPEN_DELEGATE_WRITE, OpenConst4.OPEN_DELEGATE_WRITE_ATTRS_DELEG ->
              DelegationType.WRITE;
          default -> null;
        };
    if (type == null) {
      return Answer.none(false, 0);
    }
    boolean times =
        args.delegateType() == OpenConst4.OPEN_DELEGATE_READ_ATTRS_DELEG
            || args.delegateType() == OpenConst4.OPEN_DELEGATE_WRITE_ATTRS_DELEG;
    int wants = times ? OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS : args.access();
    return ask(c, file, target, type, wants, true, false);
  }

  /**
   * RFC 9754: who has a delegation can do without the open, unless the owner had it open before, or
   * denies others what only an open can.
   */
  private static boolean mayGoWithout(CompoundContext c, OpenArgs args, Stateid4 openStateid) {
    return c.minorVersion() >= 2
        && (args.access() & OpenConst4.OPEN4_SHARE_ACCESS_WANT_OPEN_XOR_DELEGATION) != 0
        && args.deny() == OpenConst4.OPEN4_SHARE_DENY_NONE
        && openStateid.seqid() == 1;
  }

  // ---------------------------------------------------------------- both

  /**
   * Asks for a delegation.
   *
   * @param target the file's description, kept by somebody during the call
   * @param wants share_access or wda_want as it came
   * @param extended whether a refusal says why
   */
  Answer ask(
      CompoundContext c,
      VfsFile file,
      OpenFile target,
      DelegationType type,
      int wants,
      boolean reclaim,
      boolean extended) {
    boolean write = type == DelegationType.WRITE;
    if (write && services.isReadOnlyFor(c, file)) {
      // An older open may still have a description that could be written.
      return Answer.none(extended, OpenConst4.WND4_RESOURCE);
    }
    Look look = new Look(target);
    boolean times =
        c.minorVersion() >= 2
            && (wants & OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS) != 0
            // Who may change nothing could not bring the times back.
            && !services.kernel().isReadOnly();
    DelegationArbiter door = services.arbiter().delegations();
    DelegationResult result =
        door.delegate(
            new DelegationRequest(
                c.clientId(),
                target,
                file.handleBytes(),
                type,
                times,
                reclaim,
                () ->
                    !services.opens().isDisturbedByOthers(c.clientId(), file.identity(), write)
                        && !(write && services.isReadOnlyFor(c, file))
                        // Not before: who sets the bits from now on recalls this one first.
                        && !(write && !reclaim && look.losesBitsWhenWritten()),
                look::change,
                Optional.of(
                    new CallReference(c.sessionId(), c.slot().slotId(), c.slot().sequenceId()))));
    return switch (result) {
      case DelegationResult.Granted granted ->
          new Answer(
              typeOf(granted.type(), times),
              granted.stateid(),
              granted.recalled(),
              write ? limitBlocks(file) : 0,
              0,
              Stateids.ANONYMOUS,
              0);
      case DelegationResult.Refused refused -> {
        LOG.debug("no delegation of {}: {}", target.describe(), refused.reason());
        yield Answer.none(extended, look.refused ? OpenConst4.WND4_RESOURCE : refused.why());
      }
    };
  }

  private static int typeOf(DelegationType type, boolean times) {
    return switch (type) {
      case READ ->
          times ? OpenConst4.OPEN_DELEGATE_READ_ATTRS_DELEG : OpenConst4.OPEN_DELEGATE_READ;
      case WRITE ->
          times ? OpenConst4.OPEN_DELEGATE_WRITE_ATTRS_DELEG : OpenConst4.OPEN_DELEGATE_WRITE;
    };
  }

  /**
   * The file's attributes as they are once its lease is held, for one wish for a delegation to
   * write: read when first asked for, and once.
   */
  private final class Look {
    private final OpenFile target;
    private final FileStatus status = new FileStatus();
    private boolean taken;
    private boolean known;

    /** Whether the mode was why there is none. */
    private boolean refused;

    Look(OpenFile target) {
      this.target = target;
    }

    private boolean isKnown() {
      if (!taken) {
        taken = true;
        known = services.fs().getAttributes(target, status) == NfsStat4.NFS4_OK;
      }
      return known;
    }

    /**
     * Whether a write takes bits of the mode away. A holder that trusts the attributes it has would
     * not see that: Linux goes on showing a set-user-id program.
     */
    boolean losesBitsWhenWritten() {
      refused = isKnown() && status.losesBitsWhenWritten();
      return refused;
    }

    long change() {
      return isKnown() ? services.fs().changeOf(status) : 0;
    }
  }

  /** A part of what is free: the client must be able to write later what it keeps now. */
  private int limitBlocks(VfsFile file) {
    FileSystemStatus space = new FileSystemStatus();
    if (services.fs().getFileSystemStatus(file, space) != NfsStat4.NFS4_OK) {
      return 0;
    }
    long bytes = Math.max(0, space.blocksAvailable() / LIMIT_PART * space.fragmentSize());
    return (int) Math.clamp(bytes / LIMIT_BLOCK_BYTES, 0L, Integer.MAX_VALUE);
  }

  /** Writes open_delegation4. */
  static void encode(XdrWriter out, Answer answer) {
    out.int32(answer.type());
    switch (answer.type()) {
      case OpenConst4.OPEN_DELEGATE_READ, OpenConst4.OPEN_DELEGATE_READ_ATTRS_DELEG -> {
        Stateids.encode(out, answer.stateid());
        out.bool(answer.recalled());
        encodePermissions(out);
      }
      case OpenConst4.OPEN_DELEGATE_WRITE, OpenConst4.OPEN_DELEGATE_WRITE_ATTRS_DELEG -> {
        Stateids.encode(out, answer.stateid());
        out.bool(answer.recalled());
        out.int32(OpenConst4.NFS_LIMIT_BLOCKS);
        out.int32(answer.limitBlocks());
        out.int32(LIMIT_BLOCK_BYTES);
        encodePermissions(out);
      }
      case OpenConst4.OPEN_DELEGATE_NONE_EXT -> {
        out.int32(answer.why());
        if (answer.why() == OpenConst4.WND4_CONTENTION
            || answer.why() == OpenConst4.WND4_RESOURCE) {
          // Nobody is told later: who still wants it asks again.
          out.bool(false);
        }
      }
      default -> {}
    }
  }

  private static void encodePermissions(XdrWriter out) {
    out.int32(ACE4_ACCESS_ALLOWED_ACE_TYPE);
    out.int32(0);
    out.int32(0);
    out.opaque(WHO);
  }
}
