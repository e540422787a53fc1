package io.selkie.server.ops;

import io.selkie.posix.Names;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.attr.OwnerNames;
import io.selkie.server.ops.attr.SetAttrs;

/**
 * OPEN4args, RFC 8881 section 18.16.1.
 *
 * @param access share_access as it came, wishes for delegations included
 * @param owner the opaque part of open_owner4; the client id in it does not count
 * @param createMode UNCHECKED4 to EXCLUSIVE4_1, or {@link #NO_CREATE}
 * @param attrs createattrs or cva_attrs; nothing to set where there are none
 * @param verifier of an exclusive create
 * @param name null for claims that name the file by its filehandle
 * @param delegation the stateid in CLAIM_DELEGATE_CUR and CLAIM_DELEG_CUR_FH; null otherwise
 * @param delegateType what CLAIM_PREVIOUS says the client holds
 */
@SuppressWarnings("ArrayRecordComponent") // Read once, never compared.
record OpenArgs(
    int access,
    int deny,
    byte[] owner,
    int createMode,
    SetAttrs attrs,
    long verifier,
    int claim,
    byte[] name,
    Stateid4 delegation,
    int delegateType) {

  /** {@link #createMode} of OPEN4_NOCREATE. */
  static final int NO_CREATE = -1;

  static OpenArgs decode(XdrReader in, OwnerNames owners) {
    // The seqid is not used in NFSv4.1, nor is the client id in the owner.
    in.int32();
    int access = in.int32();
    int deny = in.int32();
    in.int64();
    byte[] owner = in.opaque(Nfs4Const.NFS4_OPAQUE_LIMIT);
    int createMode = NO_CREATE;
    SetAttrs attrs = SetAttrs.none();
    long verifier = 0;
    if (in.enumeration(OpenConst4.OPEN4_NOCREATE, OpenConst4.OPEN4_CREATE)
        == OpenConst4.OPEN4_CREATE) {
      createMode = in.enumeration(OpenConst4.UNCHECKED4, OpenConst4.EXCLUSIVE4_1);
      if (createMode == OpenConst4.EXCLUSIVE4 || createMode == OpenConst4.EXCLUSIVE4_1) {
        verifier = in.int64();
      }
      if (createMode != OpenConst4.EXCLUSIVE4) {
        attrs = SetAttrs.decode(in, owners);
      }
    }
    int claim = in.enumeration(OpenConst4.CLAIM_NULL, OpenConst4.CLAIM_DELEG_PREV_FH);
    byte[] name = null;
    Stateid4 delegation = null;
    int delegateType = OpenConst4.OPEN_DELEGATE_NONE;
    switch (claim) {
      case OpenConst4.CLAIM_NULL, OpenConst4.CLAIM_DELEGATE_PREV ->
          name = in.opaque(Names.PATH_MAX_BYTES);
      case OpenConst4.CLAIM_PREVIOUS -> delegateType = in.int32();
      case OpenConst4.CLAIM_DELEGATE_CUR -> {
        delegation = Stateids.decode(in);
        name = in.opaque(Names.PATH_MAX_BYTES);
      }
      case OpenConst4.CLAIM_DELEG_CUR_FH -> delegation = Stateids.decode(in);
      default -> {}
    }
    return new OpenArgs(
        access, deny, owner, createMode, attrs, verifier, claim, name, delegation, delegateType);
  }

  boolean isCreate() {
    return createMode != NO_CREATE;
  }

  boolean isExclusive() {
    return createMode == OpenConst4.EXCLUSIVE4 || createMode == OpenConst4.EXCLUSIVE4_1;
  }

  /** OPEN4_SHARE_ACCESS_READ, WRITE or BOTH, if it is valid. */
  int share() {
    return access & ~Open.WANT_MASK;
  }

  boolean wantsWrite() {
    return (access & OpenConst4.OPEN4_SHARE_ACCESS_WRITE) != 0;
  }

  /** Whether the open is one that the client has made by itself, under a delegation. */
  boolean isUnderDelegation() {
    return delegation != null;
  }

  /** Whether the file is the current one. */
  boolean isByHandle() {
    return claim == OpenConst4.CLAIM_FH || claim == OpenConst4.CLAIM_DELEG_CUR_FH;
  }

  /** Whether an existing file is to be cut to nothing. */
  boolean truncates() {
    return createMode == OpenConst4.UNCHECKED4 && attrs.hasSize() && attrs.size() == 0;
  }
}
