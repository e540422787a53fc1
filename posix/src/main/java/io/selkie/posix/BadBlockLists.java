package io.selkie.posix;

import io.selkie.posix.DaxDevice.BadBlockList;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Memory;
import jnr.ffi.Pointer;

/**
 * The lists of bad sectors in sysfs, and an event when the kernel changes one: each is polled for
 * its exceptional condition, which is one wait without end for all of them. What is written to a
 * list by hand causes no event. A list that went with its disk is let go of, because it would be
 * ready for ever; {@link #watch} takes one of that name again.
 *
 * <p>Safe for use by several threads. Its own thread begins with the first list that is watched.
 */
public final class BadBlockLists implements AutoCloseable {
  private static final Duration STOP_TIMEOUT = Duration.ofSeconds(10);
  private static final short POLLIN = 1;
  private static final short POLLPRI = 2;
  private static final int POLLFD_BYTES = 8;
  private static final int SECTOR_BYTES = 512;

  /** More lists than this are not watched. */
  private static final int LISTS_MAX = 256;

  private static final int READ_BYTES = 4096;

  /** Hears of changes, on the thread of the watch; must not block for long, nor throw. */
  public interface Listener {
    /** Nobody cares. */
    Listener NONE =
        new Listener() {
          @Override
          public void changed() {}

          @Override
          public void failed(PosixException why) {}
        };

    /** A list has changed, or another one is watched. */
    void changed();

    /** There will be no more events. */
    void failed(PosixException why);
  }

  private final Kernel kernel;
  private final Path sysfs;
  private final Map<Path, Integer> watched = new ConcurrentHashMap<>();
  private volatile Listener listener = Listener.NONE;
  private volatile boolean stopping;
  // Guarded by the monitor.
  private Thread thread;
  private LibC libc;
  private jnr.ffi.Runtime runtime;
  private EventFd wake;

  /** Of this machine. */
  public BadBlockLists(Kernel kernel) {
    this(kernel, Path.of("/sys"));
  }

  /**
   * The same.
   *
   * @param sysfs where that is mounted
   */
  public BadBlockLists(Kernel kernel, Path sysfs) {
    this.kernel = kernel;
    this.sysfs = sysfs;
  }

  /** Who hears of changes from now on. */
  public void deliverTo(Listener newListener) {
    listener = newListener;
  }

  /**
   * The list of a disk, or of the disk that it is a part of.
   *
   * @param device major number in the upper, minor in the lower 32 bits, as of files on it
   */
  public Optional<BadBlockList> ofDisk(long device) {
    Path link = sysfs.resolve("dev/block").resolve((device >>> 32) + ":" + (device & 0xffffffffL));
    try {
      Path disk = link.toRealPath();
      long start = 0;
      if (Files.exists(disk.resolve("partition"))) {
        start = Long.parseLong(Files.readString(disk.resolve("start")).strip()) * SECTOR_BYTES;
        disk = disk.getParent();
      }
      Path list = disk.resolve("badblocks");
      return Files.isReadable(list) ? Optional.of(new BadBlockList(list, start)) : Optional.empty();
    } catch (IOException | NumberFormatException _) {
      // Of a file system without a disk, there is none.
      return Optional.empty();
    }
  }

  /**
   * Tells of changes of a list from now on.
   *
   * @throws PosixException when it cannot be waited for
   */
  public synchronized void watch(Path list) throws PosixException {
    if (stopping || watched.containsKey(list) || watched.size() == LISTS_MAX) {
      return;
    }
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(list.toString()),
            OpenFlags.RDONLY | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      throw new PosixException("openat2", fd, list.toString(), "mount /sys");
    }
    if (thread == null) {
      try {
        begin();
      } catch (PosixException e) {
        kernel.close(fd);
        throw e;
      }
    }
    watched.put(list, fd);
    wake.signal();
  }

  private void begin() throws PosixException {
    libc = LibraryLoader.create(LibC.class).load("c");
    runtime = jnr.ffi.Runtime.getRuntime(libc);
    wake = new EventFd("a wait for bad blocks");
    LibC calls = libc;
    jnr.ffi.Runtime memory = runtime;
    EventFd event = wake;
    thread = Thread.ofPlatform().name("bad-blocks").daemon().start(() -> run(calls, memory, event));
  }

  private void run(LibC calls, jnr.ffi.Runtime memory, EventFd event) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment content = arena.allocate(READ_BYTES, 8);
      while (!stopping) {
        // What changes after this is told by the next wait, what changed before is told now.
        watched.forEach((list, fd) -> {
          if (isGone(kernel.pread(fd, content, 0)) && watched.remove(list, fd)) {
            kernel.close(fd);
          }
        });
        int[] fds = watched.values().stream().mapToInt(Integer::intValue).toArray();
        listener.changed();
        Pointer descriptors = Memory.allocateDirect(memory, (fds.length + 1) * POLLFD_BYTES, true);
        put(descriptors, 0, event.fd(), POLLIN);
        for (int i = 0; i < fds.length; i++) {
          put(descriptors, i + 1, fds[i], POLLPRI);
        }
        int ready = calls.poll(descriptors.address(), fds.length + 1, -1);
        if (ready < 0) {
          int failure = -LastError.getLastError(memory);
          if (!Errno.EINTR.is(failure)) {
            listener.failed(
                new PosixException("poll", failure, "lists of bad blocks", "restart the server"));
            return;
          }
        } else if (descriptors.getShort(6) != 0) {
          event.await();
        }
      }
    }
  }

  /** Whether a list can never be read again by its descriptor: ENODEV, mostly. */
  private static boolean isGone(long read) {
    return read < 0 && !Errno.EINTR.is(read) && !Errno.EAGAIN.is(read);
  }

  private static void put(Pointer descriptors, int index, int fd, short events) {
    long at = (long) index * POLLFD_BYTES;
    descriptors.putInt(at, fd);
    descriptors.putInt(at + 4, events);
  }

  /** Ends the wait. */
  @Override
  public void close() {
    Thread ending;
    synchronized (this) {
      stopping = true;
      ending = thread;
      if (ending == null) {
        return;
      }
      wake.signal();
    }
    try {
      if (!ending.join(STOP_TIMEOUT)) {
        // Its descriptors stay its own, and go with the process.
        return;
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return;
    }
    watched.values().forEach(kernel::close);
    wake.close();
  }
}
