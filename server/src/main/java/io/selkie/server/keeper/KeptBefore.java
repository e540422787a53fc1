package io.selkie.server.keeper;

import io.selkie.config.time.Timers;
import io.selkie.posix.HandedDescriptors;
import io.selkie.posix.HandedDescriptors.Handed;
import io.selkie.posix.NotifyReceiver;
import io.selkie.posix.NotifySocket;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the service manager kept of the server before this one, which was killed. While it is open,
 * its files can be opened by nobody: clients hear NFS4ERR_DELAY, local processes wait. Nobody uses
 * it; when its time is over, counted from this start, it is closed here and there.
 *
 * <p>Safe for use by several threads.
 */
public final class KeptBefore {

  private static final Logger LOG = LoggerFactory.getLogger(KeptBefore.class);

  private final List<Handed> left;
  private final Duration hold;

  private KeptBefore(List<Handed> left, Duration hold) {
    this.left = left;
    this.hold = hold;
  }

  /** Of a process with these environment variables and this id; once. */
  public static KeptBefore of(Map<String, String> environment, long pid) {
    List<Handed> ours = new ArrayList<>();
    Duration longest = Duration.ZERO;
    for (Handed handed : HandedDescriptors.of(environment, pid)) {
      var name = KeptName.parse(handed.name());
      if (name.isPresent()) {
        ours.add(handed);
        Duration hold = name.get().hold();
        longest = hold.compareTo(longest) > 0 ? hold : longest;
      }
    }
    return new KeptBefore(ours, longest);
  }

  /** How many there still are. */
  public synchronized int size() {
    return left.size();
  }

  /** From this start until they are closed; zero when there are none. */
  public Duration hold() {
    return hold;
  }

  /**
   * Closes them when their time is over.
   *
   * @param address of the service manager's socket
   * @param elsewhere where that may wait
   */
  public void closeInTime(String address, Timers timers, Executor elsewhere) {
    if (size() == 0) {
      return;
    }
    LOG.warn(
        "the server before was killed with {} files under block layouts for writing: nobody can"
            + " open them for {} ms, until its clients must have stopped",
        size(),
        hold.toMillis());
    timers.schedule(hold.toNanos(), () -> elsewhere.execute(() -> close(address)));
  }

  private void close(String address) {
    List<Handed> now;
    synchronized (this) {
      now = List.copyOf(left);
    }
    now.forEach(handed -> NotifyReceiver.close(handed.fd()));
    try (NotifySocket socket = new NotifySocket(address)) {
      for (Handed handed : now) {
        socket.send("FDSTOREREMOVE=1\nFDNAME=" + handed.name());
      }
      synchronized (this) {
        left.clear();
      }
      LOG.info("the files of the server before can be opened again");
    } catch (IOException e) {
      LOG.error(
          "the service manager was not told to close {} files of the server before: whoever opens"
              + " one waits for lease-break-time; {}",
          now.size(),
          e.getMessage());
      // It has them still, and so less room for ours.
    }
  }
}
