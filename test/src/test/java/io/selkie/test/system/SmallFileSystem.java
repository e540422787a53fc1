package io.selkie.test.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ServerProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A place where files cannot grow for long: a file system of its own, small enough to fill
 * (ENOSPC), or a server whose files the kernel keeps short (EFBIG).
 */
final class SmallFileSystem implements AutoCloseable {

  static final long SIZE_BYTES = 24L << 20;

  private static final int NFS4ERR_FBIG = 27;
  private static final int NFS4ERR_NOSPC = 28;

  private final Path directory;
  private final boolean mounted;

  private SmallFileSystem(Path directory, boolean mounted) {
    this.directory = directory;
    this.mounted = mounted;
  }

  /** One that fills up; who may not mount fails. */
  static SmallFileSystem mounted(Path scratch) throws Exception {
    Path directory = Files.createDirectory(scratch.resolve("small"));
    Path image = scratch.resolve("small.img");
    must("truncate", "-s", Long.toString(SIZE_BYTES), image.toString());
    must("mkfs.ext4", "-q", "-F", image.toString());
    must("mount", "-o", "loop", image.toString(), directory.toString());
    return new SmallFileSystem(directory, true);
  }

  /** One where the process that serves it may make no file longer; everybody can have it. */
  static SmallFileSystem keptShort(Path scratch) throws Exception {
    return new SmallFileSystem(Files.createDirectory(scratch.resolve("small")), false);
  }

  private static void must(String... command) throws Exception {
    OtherProcess.Outcome outcome = run(command);
    assertThat(outcome.succeeded())
        .as(
            "%s: a file system that fills up needs a process that may mount a loop device; it"
                + " said: %s",
            String.join(" ", command), outcome.output())
        .isTrue();
  }

  /** The directory. */
  Path directory() {
    return directory;
  }

  /** How a server of it is started. */
  ServerProcess.Builder server(String config) {
    ServerProcess.Builder server =
        ServerUnderTest.serverOf(directory, config)
            .scratch(directory.resolveSibling("small.state"));
    if (!mounted) {
      server.under(List.of("prlimit", "--fsize=" + SIZE_BYTES, "--"));
    }
    return server;
  }

  /** Whether it is the file system that fills up, and not a process that is kept short. */
  boolean canFillUp() {
    return mounted;
  }

  /** The status that a client must get when a file cannot grow. */
  int statusWhenFull() {
    return mounted ? NFS4ERR_NOSPC : NFS4ERR_FBIG;
  }

  @Override
  public void close() throws Exception {
    if (mounted) {
      assertThat(run("umount", directory.toString()).output()).as("umount").isEmpty();
    }
  }

  private static OtherProcess.Outcome run(String... command) throws Exception {
    List<String> words = new ArrayList<>(List.of(command));
    try {
      return OtherProcess.start(NanoClock.system(), words).outcome().get(60, TimeUnit.SECONDS);
    } catch (java.io.IOException e) {
      // No such program: the same as one that says no.
      return new OtherProcess.Outcome(words, 0, 0, 0, 127, e.toString());
    }
  }
}
