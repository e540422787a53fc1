package io.selkie.protocol.nfs4;

/** Constants of LOCK, LOCKT and LOCKU (RFC 8881 section 18.10). */
public final class LockConst4 {

  // nfs_lock_type4

  public static final int READ_LT = 1;
  public static final int WRITE_LT = 2;
  public static final int READW_LT = 3;
  public static final int WRITEW_LT = 4;

  /** A length that means: however long the file is. */
  public static final long TO_END_OF_FILE = -1L;

  private LockConst4() {}

  /** Whether a type excludes all others. */
  public static boolean isWrite(int type) {
    return type == WRITE_LT || type == WRITEW_LT;
  }

  /** Whether the caller will wait for the lock. */
  public static boolean isBlocking(int type) {
    return type == READW_LT || type == WRITEW_LT;
  }
}
