package io.selkie.posix;

import java.io.IOException;
import java.util.Optional;

/**
 * Lets the calling thread act as another user for as long as one system call takes.
 *
 * <p>A thread is the server's own except between {@link #become} and {@link #comeBack}, and both
 * make sure that the kernel did what it was asked: a thread that stays somebody else is ended
 * ({@link StuckIdentityError}). Only platform threads may use this: a virtual one would leave the
 * identity with its carrier.
 *
 * <p>Acting as another user, the thread has none of root's rights to ignore permissions, to give
 * files away, to keep set-user-id bits or to use the blocks reserved for root. So that it does not
 * exceed quotas either, a thread gives up CAP_SYS_RESOURCE for good when it first becomes somebody
 * else.
 *
 * <p>Safe for use by several threads.
 */
public final class FsIdentity {

  private static final int[] NONE = {};
  private static final int NOBODY = 65_534;

  /** What root may and others may not: the kernel's CAP_FS_MASK, and quotas. */
  private static final long FILE_RIGHTS =
      Capability.CAP_CHOWN.mask()
          | Capability.CAP_DAC_OVERRIDE.mask()
          | Capability.CAP_DAC_READ_SEARCH.mask()
          | Capability.CAP_FOWNER.mask()
          | Capability.CAP_FSETID.mask()
          | Capability.CAP_LINUX_IMMUTABLE.mask()
          | Capability.CAP_MKNOD.mask()
          | Capability.CAP_SYS_RESOURCE.mask();

  /** A thread's own state. */
  private static final class Self {
    private boolean prepared;
    private boolean acting;
    private boolean changedUid;
    private boolean changedGid;
    private boolean changedGroups;
  }

  private final ThreadCredentials credentials;
  private final int ownUid;
  private final int ownGid;
  private final ThreadLocal<Self> selves = ThreadLocal.withInitial(Self::new);

  private FsIdentity(ThreadCredentials credentials, int ownUid, int ownGid) {
    this.credentials = credentials;
    this.ownUid = ownUid;
    this.ownGid = ownGid;
  }

  /**
   * Tries it out.
   *
   * @return the identities of this process
   * @throws IOException when the process may not act as others, and why
   */
  public static FsIdentity of(ThreadCredentials credentials, int ownUid, int ownGid)
      throws IOException {
    if (ownUid != 0) {
      throw new IOException("the server does not run as root but as user " + ownUid);
    }
    FsIdentity identity = new FsIdentity(credentials, ownUid, ownGid);
    Optional<String> why = identity.tried();
    if (why.isPresent()) {
      throw new IOException(why.get());
    }
    return identity;
  }

  /** On a thread that ends afterwards, because what does not work may leave it half changed. */
  private Optional<String> tried() throws IOException {
    String[] why = new String[1];
    Thread thread =
        Thread.ofPlatform()
            .name("identity-probe")
            .unstarted(() -> {
              try {
                become(FsUser.of(NOBODY, NOBODY, NOBODY - 1));
                long left = credentials.effectiveCapabilities() & FILE_RIGHTS;
                comeBack();
                if (left != 0) {
                  why[0] =
                      "a thread that acts as another user keeps capabilities "
                          + Capability.of(left)
                          + " (securebits?)";
                }
              } catch (StuckIdentityError e) {
                why[0] = e.getMessage();
              }
            });
    thread.start();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while trying to act as another user", e);
    }
    return Optional.ofNullable(why[0]);
  }

  /** Whether a user is the server's own, for whom nothing has to be changed. */
  boolean isOwn(FsUser user) {
    return user.uid() == ownUid && user.gid() == ownGid && user.groupCount() == 0;
  }

  /**
   * The calling thread acts as a user until {@link #comeBack}.
   *
   * @throws StuckIdentityError when that cannot be done; the thread must end
   */
  void become(FsUser user) {
    if (Thread.currentThread().isVirtual()) {
      throw new IllegalStateException("a virtual thread would leave the identity to its carrier");
    }
    Self self = selves.get();
    if (self.acting) {
      throw new IllegalStateException("already acting as somebody else");
    }
    if (!self.prepared) {
      prepare(self);
    }
    self.acting = true;
    if (user.groupCount() > 0) {
      self.changedGroups = true;
      check("setgroups", credentials.setGroups(user.groups(), user.groupCount()));
    }
    if (user.gid() != ownGid) {
      self.changedGid = true;
      setGid(user.gid());
    }
    if (user.uid() != ownUid) {
      self.changedUid = true;
      setUid(user.uid());
    }
  }

  /** Groups of the server's own serve nobody: who has root's rights needs none. */
  private void prepare(Self self) {
    check("setgroups", credentials.setGroups(NONE, 0));
    check("capset", credentials.dropEffective(Capability.CAP_SYS_RESOURCE));
    self.prepared = true;
  }

  /**
   * The calling thread is the server's own again.
   *
   * @throws StuckIdentityError when that cannot be done; the thread must end
   */
  void comeBack() {
    Self self = selves.get();
    // First the user: only as root may the groups be changed.
    if (self.changedUid) {
      setUid(ownUid);
      self.changedUid = false;
    }
    if (self.changedGid) {
      setGid(ownGid);
      self.changedGid = false;
    }
    if (self.changedGroups) {
      check("setgroups", credentials.setGroups(NONE, 0));
      self.changedGroups = false;
    }
    self.acting = false;
  }

  private void setUid(int uid) {
    credentials.setFsUid(uid);
    int now = credentials.setFsUid(ThreadCredentials.NO_CHANGE);
    if (now != uid) {
      throw stuck("setfsuid", uid, now);
    }
  }

  private void setGid(int gid) {
    credentials.setFsGid(gid);
    int now = credentials.setFsGid(ThreadCredentials.NO_CHANGE);
    if (now != gid) {
      throw stuck("setfsgid", gid, now);
    }
  }

  private static StuckIdentityError stuck(String call, int wanted, int now) {
    return new StuckIdentityError(
        "%s(%s) left the thread with %s; it needs CAP_SETUID and CAP_SETGID"
            .formatted(call, Integer.toUnsignedString(wanted), Integer.toUnsignedString(now)));
  }

  private static void check(String call, int result) {
    if (result < 0) {
      throw new StuckIdentityError(
          call + " answered " + Errno.describe(result) + "; it needs CAP_SETUID and CAP_SETGID");
    }
  }

  /** Whether the kernel says that the calling thread is the server's own: two system calls. */
  public boolean isOwnNow() {
    return !selves.get().acting
        && credentials.setFsUid(ThreadCredentials.NO_CHANGE) == ownUid
        && credentials.setFsGid(ThreadCredentials.NO_CHANGE) == ownGid;
  }
}
