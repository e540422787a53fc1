package io.selkie.server.keeper;

import static java.nio.file.attribute.PosixFilePermission.GROUP_EXECUTE;
import static java.nio.file.attribute.PosixFilePermission.GROUP_READ;
import static java.nio.file.attribute.PosixFilePermission.GROUP_WRITE;
import static java.nio.file.attribute.PosixFilePermission.OTHERS_EXECUTE;
import static java.nio.file.attribute.PosixFilePermission.OTHERS_WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.Errno;
import io.selkie.posix.OpenFlags;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a seal outlives the process that holds it by the time that was said, and by no more (S5
 * where clients reach the storage itself).
 *
 * <p>Method: real leases and real processes: one that seals, its keeper, and this one, which opens
 * the file as any local process does.
 */
@Timeout(600)
class KeeperProcessTest {

  private static final int LONG_MILLIS = 900_000;
  private static final int SHORT_MILLIS = 4_000;

  private Path directory;
  private Path file;
  private Process server;
  private BufferedReader said;

  @BeforeEach
  void makeFile() throws IOException {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    Files.createDirectories(base);
    directory = Files.createTempDirectory(base, "keeper");
    file = directory.resolve("data");
    Files.write(file, new byte[4096]);
  }

  @AfterEach
  void end() throws Exception {
    if (server != null) {
      server.destroyForcibly().waitFor();
    }
    try (var files = Files.walk(directory)) {
      for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }

  /** Starts who seals the file; the keeper. */
  private ProcessHandle seal(long holdMillis) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("@" + Path.of(System.getProperty("selkie.root"), "bin", "jvm.options"));
    command.addAll(
        List.of(
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            KeptLeaseProcess.class.getName(),
            file.toString(),
            Long.toString(holdMillis)));
    server = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    said = server.inputReader();
    return ProcessHandle.of(Long.parseLong(next("kept"))).orElseThrow();
  }

  /** What it says about this; what it logs is passed over. */
  private String next(String word) throws IOException {
    for (String line = said.readLine(); line != null; line = said.readLine()) {
      if (line.startsWith(word + " ")) {
        return line.substring(word.length() + 1);
      }
    }
    throw new AssertionError("it ended and said nothing of '" + word + "'");
  }

  private void kill() throws InterruptedException {
    server.destroyForcibly();
    assertThat(server.waitFor(60, TimeUnit.SECONDS)).isTrue();
  }

  /** Where the keeper hears. */
  private Path socket() throws IOException {
    try (var files = Files.list(directory)) {
      return files.filter(path -> path.toString().endsWith(".sock")).findFirst().orElseThrow();
    }
  }

  /** Opens it for writing as a process does that has time, and closes it. */
  private CompletableFuture<Integer> openForWriting() {
    CompletableFuture<Integer> opened = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          int fd = KeptFile.open(file, OpenFlags.RDWR);
          KeptFile.KERNEL.close(fd);
          opened.complete(fd);
        });
    return opened;
  }

  private int openAtOnce() {
    return KeptFile.open(file, OpenFlags.RDWR | OpenFlags.NONBLOCK);
  }

  private static void assertEnds(ProcessHandle process) {
    assertThat(process.onExit()).succeedsWithin(60, TimeUnit.SECONDS);
  }

  @Test
  void killedServersFileIsNobodysUntilItsClientsMustHaveStopped() throws Exception {
    NanoClock clock = NanoClock.system();
    ProcessHandle keeper = seal(SHORT_MILLIS);

    long killedAt = clock.nanoTime();
    kill();

    assertThat(openForWriting().get(120, TimeUnit.SECONDS)).isNotNegative();
    assertThat(TimeUnit.NANOSECONDS.toMillis(clock.nanoTime() - killedAt))
        .as("milliseconds from the kill until somebody else could write")
        .isGreaterThanOrEqualTo(SHORT_MILLIS);
    assertEnds(keeper);
    assertThat(openAtOnce()).isNotNegative();
  }

  @Test
  void leaseIsWhereItsKeeperIs() throws Exception {
    ProcessHandle keeper = seal(LONG_MILLIS);
    kill();
    assertThat(openAtOnce()).isEqualTo(Errno.EAGAIN.result());
    assertThat(keeper.isAlive()).isTrue();
    CompletableFuture<Integer> opened = openForWriting();

    keeper.destroyForcibly();

    // Not what the kernel does after 45 s.
    assertThat(opened).succeedsWithin(40, TimeUnit.SECONDS);
    assertThat(opened.join()).isNotNegative();
  }

  @Test
  void stopInGoodOrderLeavesNeitherLeaseNorKeeper() throws Exception {
    ProcessHandle keeper = seal(LONG_MILLIS);
    assertThat(Files.getPosixFilePermissions(socket()))
        .as("who may tell the keeper to let go")
        .doesNotContain(GROUP_READ, GROUP_WRITE, GROUP_EXECUTE, OTHERS_WRITE, OTHERS_EXECUTE);
    server.getOutputStream().write('\n');
    server.getOutputStream().flush();
    assertThat(server.waitFor(60, TimeUnit.SECONDS)).isTrue();

    assertThat(openAtOnce()).isNotNegative();
    assertEnds(keeper);
    assertThat(directory.toFile().list()).containsExactly("data");
  }

  @Test
  void keeperThatDiesIsSaid() throws Exception {
    ProcessHandle keeper = seal(LONG_MILLIS);
    keeper.destroyForcibly();
    assertThat(next("trouble")).isEqualTo("GONE");
  }
}
