package io.selkie.server.identity;

import io.selkie.config.ClientRule;
import io.selkie.posix.ActingKernel;
import io.selkie.posix.FsUser;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.server.compound.Attendant;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.identity.ExportAccess.Grant;
import io.selkie.server.rpc.RpcConnection;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.VfsFile;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletionStage;

/**
 * Says for each operation as which user it enters the file system. Safe for use by several threads;
 * allocates only when a caller is another one than before.
 */
public final class Callers implements Attendant {

  private static final int NOBODY = 65_534;

  /** For whom there are no rules: it may look at nothing that is not open to all. */
  private static final Grant STRANGER =
      new Grant(true, ClientRule.Squash.ALL, NOBODY, NOBODY, List.of());

  /** What one context had last, and from what it was concluded. */
  private static final class Memory {
    private final AuthSys credential = new AuthSys();
    private RpcConnection connection;
    private Export export;
    private int version;

    /** AUTH_NONE has a credential too here, which a user could have as well. */
    private int flavor;

    private FsUser user;
    private boolean readOnly;

    /** Set where the groups are looked up. */
    private ManagedUser managed;

    boolean isOf(CompoundContext c, Export of, int now, AuthSys other) {
      if (user == null
          || !Objects.equals(export, of)
          || version != now
          || flavor != c.flavor()
          || !c.connection().equals(connection)
          || credential.uid() != other.uid()
          || credential.gid() != other.gid()
          || credential.gidCount() != other.gidCount()) {
        return false;
      }
      for (int i = 0; i < other.gidCount(); i++) {
        if (credential.gid(i) != other.gid(i)) {
          return false;
        }
      }
      return true;
    }
  }

  private final ActingKernel kernel;
  private final Admission admission;
  private final Users users;

  /** For operations that enter the file system by a kernel. */
  public Callers(ActingKernel kernel, Admission admission, Users users) {
    this.kernel = kernel;
    this.admission = admission;
    this.users = users;
  }

  @Override
  public CompletionStage<?> begin(CompoundContext c, boolean mayWait) {
    Export export = c.currentFile() instanceof VfsFile file ? file.export().orElse(null) : null;
    Memory memory = c.attendance() instanceof Memory kept ? kept : new Memory();
    AuthSys credential = c.credential();
    int version = admission.version();
    if (!memory.isOf(c, export, version, credential)) {
      conclude(memory, c, export, version, credential);
      c.attendance(memory);
    }
    if (memory.managed != null) {
      CompletionStage<?> asked = memory.managed.lookUp(users, mayWait);
      if (asked != null) {
        return asked;
      }
      memory.user = memory.managed.user();
    }
    kernel.begin(memory.user, memory.readOnly || (export != null && export.readOnly()));
    return null;
  }

  @Override
  public void end(CompoundContext c) {
    kernel.end();
  }

  private void conclude(
      Memory memory, CompoundContext c, Export export, int version, AuthSys credential) {
    Grant grant =
        export == null
            ? STRANGER
            : admission.of(c.connection().remoteAddress(), export).orElse(STRANGER);
    memory.user = userOf(grant, c.flavor(), credential);
    memory.readOnly = grant.readOnly();
    // Only who is still itself has groups here that could be looked up.
    memory.managed =
        users.managesGroups()
                && c.flavor() == RpcConst.AUTH_SYS
                && grant.squash() != ClientRule.Squash.ALL
                && memory.user.uid() == credential.uid()
            ? new ManagedUser(memory.user, grant)
            : null;
    memory.credential.assign(credential);
    memory.connection = c.connection();
    memory.export = export;
    memory.version = version;
    memory.flavor = c.flavor();
  }

  /** Who a caller is after squashing. */
  static FsUser userOf(Grant grant, int flavor, AuthSys credential) {
    if (flavor != RpcConst.AUTH_SYS || grant.squash() == ClientRule.Squash.ALL) {
      return FsUser.of(grant.anonUid(), grant.anonGid());
    }
    boolean root = grant.squash() == ClientRule.Squash.ROOT;
    int[] groups = new int[credential.gidCount()];
    for (int i = 0; i < groups.length; i++) {
      groups[i] = squashed(root, credential.gid(i), grant.anonGid());
    }
    return FsUser.of(
        squashed(root, credential.uid(), grant.anonUid()),
        squashed(root, credential.gid(), grant.anonGid()),
        groups);
  }

  /** Zero, and the number that the kernel takes for "leave it", are nobody's of a client. */
  static int squashed(boolean root, int id, int anonymous) {
    return (root && id == 0) || id == -1 ? anonymous : id;
  }
}
