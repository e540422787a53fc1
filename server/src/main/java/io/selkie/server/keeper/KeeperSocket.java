package io.selkie.server.keeper;

import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.NotifyReceiver;
import io.selkie.posix.NotifySocket;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PosixException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Where a keeper of ours is found: a socket in a directory that is the server's alone. Reached
 * through the directory's descriptor, as the address of a socket has room for 107 bytes only.
 *
 * @param server process id of the server, which makes the name
 */
record KeeperSocket(Kernel kernel, Path directory, long server) {

  private interface Use<T> {
    T with(String address) throws PosixException;
  }

  private String name() {
    return "keeper-" + server + ".sock";
  }

  NotifyReceiver bind() throws IOException {
    remove();
    return through(NotifyReceiver::new);
  }

  NotifySocket connect() throws IOException {
    return through(NotifySocket::new);
  }

  void remove() throws IOException {
    Files.deleteIfExists(directory.resolve(name()));
  }

  private <T> T through(Use<T> use) throws PosixException {
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(directory.toString()),
            OpenFlags.PATH | OpenFlags.DIRECTORY | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      throw new PosixException("openat2", fd, directory.toString(), "see that it is there");
    }
    try {
      return use.with("/proc/self/fd/" + fd + "/" + name());
    } finally {
      kernel.close(fd);
    }
  }
}
