package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import io.selkie.server.vfs.VfsFile;
import java.util.List;

/**
 * The table of operations on files, opens and layouts. What is defined and not here is answered
 * with NFS4ERR_NOTSUPP: delegations, and GETDEVICELIST, which RFC 8881 lets a server leave out
 * (section 18.41).
 */
public final class FileOperations {

  private FileOperations() {}

  /** What SECINFO_NO_NAME asks about the parent: the status that LOOKUPP would have. */
  public static int checkParent(FileServices services, CompoundContext c) {
    return c.currentFile() instanceof VfsFile file
        ? services.fs().lookupParent(file).status()
        : NfsStat4.NFS4ERR_NOFILEHANDLE;
  }

  /** All of them, working with some services. */
  public static List<Operation> all(FileServices services) {
    return List.of(
        new FileHandles.PutRootFh(services, NfsOp4.OP_PUTROOTFH),
        new FileHandles.PutRootFh(services, NfsOp4.OP_PUTPUBFH),
        new FileHandles.PutFh(services),
        new FileHandles.GetFh(services),
        new FileHandles.SaveFh(services),
        new FileHandles.RestoreFh(services),
        new Lookup(services),
        new Lookup.Parent(services),
        new Attributes.Access(services),
        new Attributes.GetAttr(services),
        new Attributes.Verify(services, true),
        new Attributes.Verify(services, false),
        new SetAttr(services),
        new ReadDir(services),
        new ReadLink(services),
        new Create(services),
        new NameChanges.Remove(services),
        new NameChanges.Rename(services),
        new NameChanges.Link(services),
        new Open(services),
        new DelegationOps.Return(services),
        new DelegationOps.Purge(services),
        new DelegationOps.Want(services),
        new Close(services),
        new Close.Downgrade(services),
        new Locks.Lock(services),
        new Locks.Test(services),
        new Locks.Unlock(services),
        new Read(services),
        new Write(services),
        new Commit(services),
        new SecInfo(services),
        new SetSsv(),
        new GetDirDelegation(services),
        new GetDeviceInfo(services),
        new LayoutGet(services),
        new LayoutCommit(services),
        new LayoutReturn(services));
  }
}
