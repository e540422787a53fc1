package io.selkie.posix;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Descriptors that the service manager handed to this process at its start (sd_listen_fds(3)):
 * those that it kept of the one before, among others.
 */
public final class HandedDescriptors {

  private static final int FIRST = 3;
  private static final int F_SETFD = 2;
  private static final int FD_CLOEXEC = 1;

  /**
   * One.
   *
   * @param name what the process before called it
   */
  public record Handed(int fd, String name) {}

  private HandedDescriptors() {}

  /**
   * Those of a process with these environment variables and this id. From now on no child of this
   * process gets them.
   *
   * @return none when they are meant for another process, or said in a way that is not understood
   */
  public static List<Handed> of(Map<String, String> environment, long pid) {
    List<Handed> handed = parse(environment, pid);
    handed.forEach(one -> Bindings.LIBC.fcntl(one.fd(), F_SETFD, FD_CLOEXEC));
    return handed;
  }

  private static List<Handed> parse(Map<String, String> environment, long pid) {
    if (!environment.getOrDefault("LISTEN_PID", "").equals(Long.toString(pid))) {
      return List.of();
    }
    String count = environment.getOrDefault("LISTEN_FDS", "0");
    String[] names = environment.getOrDefault("LISTEN_FDNAMES", "").split(":", -1);
    List<Handed> handed = new ArrayList<>();
    if (count.matches("[0-9]{1,6}") && Integer.parseInt(count) == names.length) {
      for (int i = 0; i < names.length; i++) {
        handed.add(new Handed(FIRST + i, names[i]));
      }
    }
    return List.copyOf(handed);
  }
}
