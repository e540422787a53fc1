package io.selkie.server.ops;

import io.selkie.posix.FileStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.ops.attr.AttrSupport;
import io.selkie.server.ops.attr.SetAttrs;
import io.selkie.server.state.OpenResult;
import io.selkie.server.vfs.ChangeInfo;
import io.selkie.server.vfs.Found;
import io.selkie.server.vfs.NamespaceChanges.CreateMode;
import io.selkie.server.vfs.NamespaceChanges.Created;
import io.selkie.server.vfs.OpenFile;
import io.selkie.server.vfs.VfsFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * OPEN, RFC 8881 section 18.16: claims NULL, FH, and PREVIOUS for what was open before a restart. A
 * claim of a delegation is answered as one of none.
 */
final class Open extends FileOperation {

  /** Wishes for delegations in share_access. */
  static final int WANT_MASK =
      OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_MASK
          | OpenConst4.OPEN4_SHARE_ACCESS_WANT_SIGNAL_DELEG_WHEN_RESRC_AVAIL
          | OpenConst4.OPEN4_SHARE_ACCESS_WANT_PUSH_DELEG_WHEN_UNCONTENDED
          | OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS
          | OpenConst4.OPEN4_SHARE_ACCESS_WANT_OPEN_XOR_DELEGATION;

  private static final Logger LOG = LoggerFactory.getLogger(Open.class);
  private static final int DEFAULT_MODE = 0644;

  /** Stateid, change_info4, flags, a bitmap of three words, a delegation. */
  private static final int RESULT_BYTES =
      Stateids.BYTES + CHANGE_INFO_BYTES + 4 + 4 * 4 + Delegating.RESULT_BYTES;

  private final Delegating delegating;

  Open(FileServices services) {
    super(services, NfsOp4.OP_OPEN);
    this.delegating = new Delegating(services);
  }

  /** Whether access and deny are values that OPEN and OPEN_DOWNGRADE may have. */
  static boolean isShare(int access, int deny) {
    return access >= OpenConst4.OPEN4_SHARE_ACCESS_READ
        && access <= OpenConst4.OPEN4_SHARE_ACCESS_BOTH
        && deny >= OpenConst4.OPEN4_SHARE_DENY_NONE
        && deny <= OpenConst4.OPEN4_SHARE_DENY_BOTH;
  }

  @Override
  public int replyBytesMax() {
    return RESULT_BYTES;
  }

  @Override
  public int execute(CompoundContext c) {
    OpenArgs args = OpenArgs.decode(c.args(), services.owners());
    if (!(c.currentFile() instanceof VfsFile current)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    int status = check(c, args, current);
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    boolean reclaim = args.claim() == OpenConst4.CLAIM_PREVIOUS;
    if (reclaim) {
      status = services.grace().admitReclaim(c.clientId());
    } else if (!args.isUnderDelegation()) {
      // Whoever has reclaimed a delegation may claim by it at any time.
      status = services.grace().admitNew(c.clientId());
    }
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    if (reclaim) {
      return reclaimed(openExisting(c, args, current, ChangeInfo.NONE));
    }
    if (args.isByHandle()) {
      return openExisting(c, args, current, ChangeInfo.NONE);
    }
    Found found = find(c, current, args.name());
    if (found.status() != NfsStat4.NFS4_OK && found.status() != NfsStat4.NFS4ERR_NOENT) {
      return found.status();
    }
    if (!args.isCreate()) {
      return found.status() == NfsStat4.NFS4_OK
          ? openExisting(c, args, found.file(), unchanged(current))
          : found.status();
    }
    if (found.status() == NfsStat4.NFS4_OK) {
      switch (args.createMode()) {
        case OpenConst4.UNCHECKED4 -> {
          return openExisting(c, args, found.file(), unchanged(current));
        }
        case OpenConst4.GUARDED4 -> {
          return NfsStat4.NFS4ERR_EXIST;
        }
        default -> {
          // The file may be of an earlier try of the same request: its verifier tells.
        }
      }
    }
    return create(c, args, current);
  }

  private int check(CompoundContext c, OpenArgs args, VfsFile current) {
    if (!isShare(args.share(), args.deny())) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    switch (args.claim()) {
      case OpenConst4.CLAIM_DELEGATE_PREV, OpenConst4.CLAIM_DELEG_PREV_FH -> {
        return NfsStat4.NFS4ERR_NOTSUPP;
      }
      default -> {}
    }
    if (!args.isCreate()) {
      return NfsStat4.NFS4_OK;
    }
    if (args.isByHandle() || args.claim() == OpenConst4.CLAIM_PREVIOUS) {
      return NfsStat4.NFS4ERR_INVAL;
    }
    if (args.createMode() == OpenConst4.EXCLUSIVE4
        && c.slot().isOfPnfsClient()
        && !services.arbiter().layoutTypes().isEmpty()) {
      // Section 18.16.3 and its table 18: such a client has EXCLUSIVE4_1.
      return NfsStat4.NFS4ERR_INVAL;
    }
    SetAttrs attrs = args.attrs();
    AttrSupport support = services.support(current, c.minorVersion());
    int wrong = attrs.status(support, true);
    if (wrong == NfsStat4.NFS4_OK && attrs.hasAcl()) {
      wrong = FileAcls.wanted(attrs, false).status();
    }
    return wrong == NfsStat4.NFS4_OK
            && args.isExclusive()
            && !support.exclusiveCreate().containsAll(attrs.mask())
        ? NfsStat4.NFS4ERR_INVAL
        : wrong;
  }

  /** What a reclaim is answered with when others hold what it wants (section 15.1.9.5). */
  private static int reclaimed(int status) {
    return status == NfsStat4.NFS4ERR_SHARE_DENIED ? NfsStat4.NFS4ERR_RECLAIM_CONFLICT : status;
  }

  private ChangeInfo unchanged(VfsFile directory) {
    long change = services.changeOf(directory);
    return new ChangeInfo(change, change);
  }

  // ---------------------------------------------------------------- a file that is there

  private int openExisting(CompoundContext c, OpenArgs args, VfsFile file, ChangeInfo directory) {
    int status = delegating.checkClaim(c, args, file);
    if (status == NfsStat4.NFS4_OK) {
      status = mayOpen(args, file);
    }
    if (status != NfsStat4.NFS4_OK) {
      return status;
    }
    boolean write = args.wantsWrite() || args.truncates();
    Descriptions.Opened opened = Descriptions.open(services, file, write, c);
    if (opened.status() != NfsStat4.NFS4_OK) {
      return opened.status();
    }
    return openWith(c, args, file, opened.file(), directory);
  }

  private int mayOpen(OpenArgs args, VfsFile file) {
    boolean read = (args.share() & OpenConst4.OPEN4_SHARE_ACCESS_READ) != 0;
    boolean write = args.wantsWrite() || args.truncates();
    // What was opened before a restart, or under a delegation, was allowed when it was opened.
    return args.claim() == OpenConst4.CLAIM_PREVIOUS || args.isUnderDelegation()
        ? services.mayGoOn(file, read, write)
        : services.mayReadOrWrite(file, read, write);
  }

  /** Takes the description over: it is the open's then, or given back. */
  private int openWith(
      CompoundContext c, OpenArgs args, VfsFile file, OpenFile target, ChangeInfo directory) {
    // What will be refused in a moment must not have cut the file before.
    try (OpenClaim claim = new OpenClaim(services, c, args, file)) {
      if (claim.hold().status() != NfsStat4.NFS4_OK) {
        target.release();
        LOG.debug("OPEN of {} refused: {}", target.describe(), claim.hold().reason());
        return refused(claim.hold().status(), file);
      }
      AttrSetter setter = new AttrSetter(services, file, c);
      return register(c, args, file, target, directory, setter, args.truncates(), claim);
    }
  }

  /** What is in the way of an OPEN may be of a client whose lease is over. */
  private int refused(int status, VfsFile file) {
    boolean goes =
        switch (status) {
          case NfsStat4.NFS4ERR_SHARE_DENIED -> services.courtesy().giveWay(file.identity());
          case NfsStat4.NFS4ERR_DELAY -> services.courtesy().makeRoom();
          default -> false;
        };
    return goes ? NfsStat4.NFS4ERR_DELAY : status;
  }

  /** The same, in the place that is held for it. */
  private int register(
      CompoundContext c,
      OpenArgs args,
      VfsFile file,
      OpenFile target,
      ChangeInfo directory,
      AttrSetter setter,
      boolean truncate,
      OpenClaim claim) {
    if (!claim.permit(file)) {
      target.release();
      return NfsStat4.NFS4ERR_DELAY;
    }
    OpenResult result;
    try (claim) {
      // Before there is a stateid: a client told to come back must not be left with one.
      int status = truncate ? setter.setSize(target, 0) : NfsStat4.NFS4_OK;
      if (status != NfsStat4.NFS4_OK) {
        target.release();
        return status;
      }
      result =
          services
              .opens()
              .open(
                  claim.owner(),
                  c.credential().uid(),
                  target,
                  file.handleBytes(),
                  args.share(),
                  args.deny(),
                  claim.hold());
    }
    switch (result) {
      case OpenResult.Refused refused -> {
        target.release();
        LOG.debug("OPEN of {} refused: {}", target.describe(), refused.reason());
        return refused.status();
      }
      case OpenResult.Opened opened -> {
        answer(c, args, file, target, opened.stateid(), directory, setter.done());
        return NfsStat4.NFS4_OK;
      }
    }
  }

  // ---------------------------------------------------------------- a new file

  private int create(CompoundContext c, OpenArgs args, VfsFile directory) {
    // A limit must be met before the file is there: a guarded create could not be tried again.
    try (OpenClaim claim = new OpenClaim(services, c, args)) {
      if (claim.hold().status() != NfsStat4.NFS4_OK) {
        LOG.debug("create refused: {}", claim.hold().reason());
        return refused(claim.hold().status(), directory);
      }
      return createHeld(c, args, directory, claim);
    }
  }

  private int createHeld(CompoundContext c, OpenArgs args, VfsFile directory, OpenClaim claim) {
    SetAttrs attrs = args.attrs();
    CreateMode mode =
        switch (args.createMode()) {
          case OpenConst4.UNCHECKED4 -> CreateMode.UNCHECKED;
          case OpenConst4.GUARDED4 -> CreateMode.GUARDED;
          default -> CreateMode.EXCLUSIVE;
        };
    Created created =
        services
            .fs()
            .changes()
            .createFile(
                directory,
                args.name(),
                services.newMode(directory, attrs, DEFAULT_MODE),
                mode,
                args.verifier(),
                args.wantsWrite() || attrs.hasSize(),
                claim);
    if (created.status() != NfsStat4.NFS4_OK) {
      return created.status();
    }
    Descriptions.Opened opened = Descriptions.writableIfNeeded(services, created.open(), c);
    if (opened.status() != NfsStat4.NFS4_OK) {
      return opened.status();
    }
    boolean mine = claim.isOf(created.file());
    if (!mine) {
      claim.close();
    }
    if (!created.created()) {
      // Somebody else made it between our look and our create.
      int allowed = mayOpen(args, created.file());
      if (allowed != NfsStat4.NFS4_OK) {
        opened.file().release();
        return allowed;
      }
      return openWith(c, args, created.file(), opened.file(), created.directory());
    }
    if (args.isExclusive() && isSomebodyElses(created.file())) {
      // The times of an empty file are for all to see: they do not make it theirs.
      opened.file().release();
      return NfsStat4.NFS4ERR_EXIST;
    }
    if (!mine) {
      // Made by an earlier try of this request, of which the client saw no answer.
      try (OpenClaim again = new OpenClaim(services, c, args, created.file())) {
        return again.hold().status() == NfsStat4.NFS4_OK
            ? openNew(c, args, created, opened.file(), again)
            : giveUp(opened.file(), refused(again.hold().status(), created.file()));
      }
    }
    return openNew(c, args, created, opened.file(), claim);
  }

  private static int giveUp(OpenFile target, int status) {
    target.release();
    return status;
  }

  private int openNew(
      CompoundContext c, OpenArgs args, Created created, OpenFile target, OpenClaim claim) {
    AttrSetter setter = setNew(c, args, created.file(), target);
    return register(c, args, created.file(), target, created.directory(), setter, false, claim);
  }

  private boolean isSomebodyElses(VfsFile file) {
    if (services.kernel().mayAll()) {
      return false;
    }
    FileStatus status = new FileStatus();
    return services.status(file, status) != NfsStat4.NFS4_OK
        || status.uid() != services.kernel().user().uid();
  }

  /**
   * Sets the attributes of a new file; what cannot be set is missing in the answer. The mode was
   * set when the file was made, but another owner may have cost it bits.
   */
  private AttrSetter setNew(CompoundContext c, OpenArgs args, VfsFile file, OpenFile target) {
    SetAttrs attrs = args.attrs();
    AttrSetter setter = new AttrSetter(services, file, c);
    if (attrs.hasSize()) {
      setter.setSize(target, attrs.size());
    }
    FileStatus made = new FileStatus();
    if (!attrs.isEmpty() && services.status(file, made) == NfsStat4.NFS4_OK) {
      setter.setNew(attrs, made);
    }
    Bitmap4 set = setter.done();
    if (args.isExclusive()) {
      // Where the verifier is kept; the client sets them next.
      set.set(FileAttributes.FATTR4_TIME_ACCESS_SET).set(FileAttributes.FATTR4_TIME_MODIFY_SET);
    }
    return setter;
  }

  // ---------------------------------------------------------------- the answer

  private void answer(
      CompoundContext c,
      OpenArgs args,
      VfsFile file,
      OpenFile target,
      Stateid4 stateid,
      ChangeInfo directory,
      Bitmap4 set) {
    Delegating.Answer delegation = delegating.forOpen(c, args, file, target, stateid);
    c.currentFile(file, delegation.current());
    XdrWriter out = c.reply();
    Stateids.encode(out, delegation.openStateid());
    encode(out, directory);
    // Nothing outlives the last CLOSE, so OPEN4_RESULT_PRESERVE_UNLINKED does not apply.
    out.int32(
        OpenConst4.OPEN4_RESULT_LOCKTYPE_POSIX
            | OpenConst4.OPEN4_RESULT_MAY_NOTIFY_LOCK
            | delegation.resultFlags());
    set.encode(out);
    Delegating.encode(out, delegation);
  }
}
