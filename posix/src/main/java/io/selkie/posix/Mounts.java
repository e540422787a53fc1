package io.selkie.posix;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.OptionalInt;
import java.util.Set;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;

/**
 * What is mounted where this process can see it, and an event when that changes: {@code
 * /proc/self/mountinfo} is polled for its exceptional condition, which is one wait without end.
 *
 * <p>A mount that was detached while somebody holds a descriptor in it ({@code umount -l}) goes on
 * to work, but it is not in that list any more.
 */
public final class Mounts implements AutoCloseable {

  private static final Path LIST = Path.of("/proc/self/mountinfo");
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(10);
  private static final short POLLIN = 1;
  private static final short POLLPRI = 2;

  /** Hears of changes, on the thread of the watch; must not block for long, nor throw. */
  public interface Listener {
    /** Something was mounted or unmounted, perhaps several things. */
    void changed();

    /** There will be no more events. */
    void failed(PosixException why);
  }

  /** struct pollfd: descriptor, events, what happened. */
  private static final int POLLFD_BYTES = 8;

  private final Kernel kernel;
  private final Listener listener;
  private final LibC libc = LibraryLoader.create(LibC.class).load("c");
  private final jnr.ffi.Runtime runtime = jnr.ffi.Runtime.getRuntime(libc);
  private final int list;
  private final EventFd wake;
  private final Thread thread = Thread.ofPlatform().name("mounts").daemon().unstarted(this::run);
  private volatile boolean stopping;

  private Mounts(Kernel kernel, Listener listener) throws PosixException {
    this.kernel = kernel;
    this.listener = listener;
    this.list =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(LIST.toString()),
            OpenFlags.RDONLY | OpenFlags.CLOEXEC,
            0,
            0);
    if (list < 0) {
      throw new PosixException("openat2", list, LIST.toString(), "mount /proc");
    }
    try {
      this.wake = new EventFd("the end of a wait");
    } catch (PosixException e) {
      kernel.close(list);
      throw e;
    }
  }

  /** Watches from now on, on a thread of its own. */
  public static Mounts watch(Kernel kernel, Listener listener) throws PosixException {
    Mounts mounts = new Mounts(kernel, listener);
    mounts.thread.start();
    return mounts;
  }

  private void run() {
    Pointer descriptors = Memory.allocateDirect(runtime, 2 * POLLFD_BYTES, true);
    while (!stopping) {
      descriptors.putInt(0, list);
      descriptors.putInt(4, POLLPRI);
      descriptors.putInt(POLLFD_BYTES, wake.fd());
      descriptors.putInt(POLLFD_BYTES + 4, POLLIN);
      if (libc.poll(descriptors.address(), 2, -1) < 0) {
        int failure = -LastError.getLastError(runtime);
        if (Errno.EINTR.is(failure)) {
          continue;
        }
        listener.failed(new PosixException("poll", failure, LIST.toString(), "restart the server"));
        return;
      }
      if (!stopping) {
        listener.changed();
      }
    }
  }

  /** Ends the watch. */
  @Override
  public void close() {
    stopping = true;
    wake.signal();
    try {
      if (!thread.join(STOP_TIMEOUT)) {
        // Its descriptors stay its own, and go with the process.
        return;
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return;
    }
    kernel.close(list);
    wake.close();
  }

  /** The mount that a descriptor of this process is in; empty when the kernel does not say. */
  public static OptionalInt of(int fd) {
    try (InputStream in = Files.newInputStream(Path.of("/proc/self/fdinfo/" + fd))) {
      for (String line : new String(in.readAllBytes(), ISO_8859_1).split("\n")) {
        if (line.startsWith("mnt_id:")) {
          return OptionalInt.of(Integer.parseInt(line.substring(7).strip()));
        }
      }
      return OptionalInt.empty();
    } catch (IOException | NumberFormatException _) {
      return OptionalInt.empty();
    }
  }

  /** The numbers of all mounts that this process can see now. */
  public static Set<Integer> present() throws IOException {
    Set<Integer> found = new HashSet<>();
    try (InputStream in = Files.newInputStream(LIST)) {
      for (String line : new String(in.readAllBytes(), ISO_8859_1).split("\n")) {
        int end = line.indexOf(' ');
        if (end > 0) {
          found.add(Integer.parseInt(line, 0, end, 10));
        }
      }
    }
    return found;
  }
}
