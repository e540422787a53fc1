package io.selkie.test.block;

import io.selkie.lease.PmemFileSystem;

/**
 * A file that a Linux client in this machine has open, with a layout for writing its first two
 * blocks, which it has written full of the letter h. Closing it lets it go; one at a time.
 */
final class HeldFile implements AutoCloseable {

  private HeldFile() {}

  /** Opens it, writes, and returns when what was written is stored. */
  static HeldFile of(Served fs, String name) throws Exception {
    String file = fs.remote(name);
    run(
        "rm -f /tmp/go /tmp/held; mkfifo /tmp/go /tmp/held; (exec 3<> %s;".formatted(file)
            + " head -c 8192 /dev/zero | tr '\\0' 'h' >&3; sync %s; echo > /tmp/held;"
                .formatted(file)
            + " read x < /tmp/go) > /dev/null 2>&1 & read x < /tmp/held");
    return new HeldFile();
  }

  private static void run(String command) throws Exception {
    PmemFileSystem.run("sh", "-c", command);
  }

  @Override
  public void close() throws Exception {
    run("echo > /tmp/go");
  }
}
