package io.selkie.server.identity;

import io.selkie.posix.ActingKernel;
import io.selkie.posix.FsUser;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.server.compound.Attendant;
import io.selkie.server.compound.CompoundContext;
import java.util.concurrent.CompletionStage;

/**
 * Says for each operation as which user it enters the file system. Safe for use by several threads;
 * allocates only when a caller is another one than before.
 */
public final class Callers implements Attendant {

  /** What one context had last. */
  private static final class Memory {
    private final AuthSys credential = new AuthSys();
    private FsUser user;

    boolean isOf(AuthSys other) {
      if (user == null
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

  /** For operations that enter the file system by a kernel. */
  public Callers(ActingKernel kernel) {
    this.kernel = kernel;
  }

  @Override
  public CompletionStage<?> begin(CompoundContext c, boolean mayWait) {
    kernel.begin(userOf(c), false);
    return null;
  }

  @Override
  public void end(CompoundContext c) {
    kernel.end();
  }

  private FsUser userOf(CompoundContext c) {
    Memory memory = c.attendance() instanceof Memory kept ? kept : new Memory();
    c.attendance(memory);
    AuthSys credential = c.credential();
    if (!memory.isOf(credential)) {
      memory.credential.assign(credential);
      int[] groups = new int[credential.gidCount()];
      for (int i = 0; i < groups.length; i++) {
        groups[i] = credential.gid(i);
      }
      memory.user = FsUser.of(credential.uid(), credential.gid(), groups);
    }
    return memory.user;
  }
}
