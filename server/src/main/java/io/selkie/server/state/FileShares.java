package io.selkie.server.state;

import io.selkie.protocol.nfs4.OpenConst4;
import java.util.function.Predicate;

/** What all opens of a file together do and deny. Used under {@link OpenTable}'s lock. */
final class FileShares {

  private static final int READ = OpenConst4.OPEN4_SHARE_ACCESS_READ;
  private static final int WRITE = OpenConst4.OPEN4_SHARE_ACCESS_WRITE;

  private final byte[] fileHandle;
  private int readers;
  private int writers;
  private int readDeniers;
  private int writeDeniers;
  private int opens;

  FileShares(byte[] fileHandle) {
    this.fileHandle = fileHandle;
  }

  /** For callers that have not checked what came from the wire. */
  static void require(int access, int deny) {
    if (access < READ
        || access > OpenConst4.OPEN4_SHARE_ACCESS_BOTH
        || deny < OpenConst4.OPEN4_SHARE_DENY_NONE
        || deny > OpenConst4.OPEN4_SHARE_DENY_BOTH) {
      throw new IllegalArgumentException("share " + access + "/" + deny);
    }
  }

  boolean hasHandle(Predicate<byte[]> wanted) {
    return fileHandle != null && wanted.test(fileHandle);
  }

  byte[] fileHandle() {
    return fileHandle;
  }

  void add(int access, int deny) {
    opens++;
    count(access, deny, 1);
  }

  void remove(int access, int deny) {
    opens--;
    count(access, deny, -1);
  }

  void change(int fromAccess, int fromDeny, int toAccess, int toDeny) {
    count(fromAccess, fromDeny, -1);
    count(toAccess, toDeny, 1);
  }

  private void count(int access, int deny, int by) {
    readers += (access & READ) != 0 ? by : 0;
    writers += (access & WRITE) != 0 ? by : 0;
    readDeniers += (deny & READ) != 0 ? by : 0;
    writeDeniers += (deny & WRITE) != 0 ? by : 0;
  }

  /**
   * Access in the two low bits and deny above them, of all opens but some.
   *
   * @param own those that do not count; null for none
   */
  int without(FileShares own) {
    int access =
        (readers > (own == null ? 0 : own.readers) ? READ : 0)
            | (writers > (own == null ? 0 : own.writers) ? WRITE : 0);
    int deny =
        (readDeniers > (own == null ? 0 : own.readDeniers) ? READ : 0)
            | (writeDeniers > (own == null ? 0 : own.writeDeniers) ? WRITE : 0);
    return access | deny << 2;
  }

  boolean isUnused() {
    return opens == 0;
  }

  int access() {
    return (readers > 0 ? READ : 0) | (writers > 0 ? WRITE : 0);
  }

  int deny() {
    return (readDeniers > 0 ? READ : 0) | (writeDeniers > 0 ? WRITE : 0);
  }

  /** The OPEN's own owner is no exception (section 18.16.3). */
  boolean conflictsWith(int access, int deny) {
    return (access & deny()) != 0 || (deny & access()) != 0;
  }
}
