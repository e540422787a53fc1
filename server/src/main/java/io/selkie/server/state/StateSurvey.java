package io.selkie.server.state;

import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LockOwner4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Opens and byte-range locks, for those who only look: administrators. Opens are read without any
 * lock; the locks of a file under that file's lock, which is let go before they are looked at.
 */
public final class StateSurvey {

  private StateSurvey() {}

  /**
   * A byte-range lock, or somebody who waits for one.
   *
   * @param path export's name and path below it, for people
   * @param stateid null for one who waits
   * @param offset unsigned
   * @param length unsigned; all ones is to the end of any file
   * @param waiting whether it is not held but wanted
   */
  public record LockView(
      FileIdentity file,
      String path,
      LockOwner4 owner,
      Stateid4 stateid,
      boolean exclusive,
      long offset,
      long length,
      boolean waiting) {}

  /** All opens, lazily; what comes or goes meanwhile may be among them or not. */
  public static Iterator<OpenState> opens(OpenTable table) {
    return table.slots.all().iterator();
  }

  /** All locks, file by file, lazily. */
  public static Iterator<LockView> locks(LockTable table) {
    return table.files.values().stream().flatMap(StateSurvey::locks).iterator();
  }

  private static Stream<LockView> locks(FileLocks file) {
    List<LockView> views;
    synchronized (file) {
      views = new ArrayList<>(file.size());
      for (ByteLock lock : file.all()) {
        views.add(
            view(
                file,
                lock.state.open(),
                lock.owner(),
                lock.state.stateid(),
                lock.exclusive,
                lock.range,
                false));
      }
      for (LockWaiter waiter : file.queue.all()) {
        views.add(
            view(file, waiter.open, waiter.owner, null, waiter.exclusive, waiter.range, true));
      }
    }
    return views.stream();
  }

  private static LockView view(
      FileLocks file,
      OpenState open,
      LockOwner4 owner,
      Stateid4 stateid,
      boolean exclusive,
      LockRange range,
      boolean waiting) {
    return new LockView(
        file.file,
        open.target().describe(),
        owner,
        stateid,
        exclusive,
        range.first(),
        range.length(),
        waiting);
  }
}
