package io.selkie.server.ops;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import io.selkie.server.session.SecurityQuery;
import io.selkie.server.vfs.Found;
import io.selkie.server.vfs.VfsFile;
import java.util.List;
import java.util.Optional;

/**
 * The table of operations on files, opens and layouts. What is defined and not here is answered
 * with NFS4ERR_NOTSUPP: delegations, and GETDEVICELIST, which RFC 8881 lets a server leave out
 * (section 18.41).
 */
public final class FileOperations {

  private FileOperations() {}

  /** What SECINFO_NO_NAME asks. */
  public static SecurityQuery security(FileServices services) {
    return new SecurityQuery() {
      @Override
      public int checkParent(CompoundContext c) {
        return parent(c).status();
      }

      private Found parent(CompoundContext c) {
        return c.currentFile() instanceof VfsFile file
            ? services.fs().lookupParent(file, export -> services.admission().isVisible(c, export))
            : new Found(NfsStat4.NFS4ERR_NOFILEHANDLE, null);
      }

      @Override
      public List<Integer> flavors(CompoundContext c, boolean ofParent) {
        VfsFile file = ofParent ? parent(c).file() : (VfsFile) c.currentFile();
        return services.admission().flavors(c, file == null ? Optional.empty() : file.export());
      }
    };
  }

  /** All of them, working with some services. */
  public static List<Operation> all(FileServices services) {
    return Patient.where(
        services,
        List.of(
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
            new LayoutReturn(services)));
  }
}
