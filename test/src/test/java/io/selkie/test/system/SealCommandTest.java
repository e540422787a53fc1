package io.selkie.test.system;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.config.time.NanoClock;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.PidFd;
import io.selkie.posix.SystemFacts;
import io.selkie.test.support.ChildJvm;
import io.selkie.test.support.Ended;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ScratchDirectory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: {@code selkie seal} runs a command while a file's block map stands still; who wants the map
 * to change waits for the command, and no longer than the hold.
 *
 * <p>Method: real leases; the command and who breaks the seal are other processes. Commands say on
 * their output where they are, and wait for a line on their input.
 */
@Tag("slow")
@Timeout(600)
class SealCommandTest {

  private static final int TIMEOUT_SECONDS = 120;
  private static final int SIZE = 256 * 1024;

  private final List<Process> processes = new ArrayList<>();
  private ScratchDirectory scratch;
  private Path file;

  @BeforeEach
  void makeAFile() throws IOException {
    scratch = ServerUnderTest.scratch();
    file = Files.write(scratch.resolve("sealed file"), new byte[SIZE]);
  }

  @AfterEach
  void clean() throws Exception {
    for (Process process : processes) {
      process.destroyForcibly().waitFor();
    }
    scratch.close();
  }

  private static List<String> command(String... arguments) {
    List<String> words = new ArrayList<>(List.of("seal"));
    words.addAll(List.of(arguments));
    List<String> flags = List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m");
    return ChildJvm.command(ChildJvm.classPath(), flags, "io.selkie.server.Main", words);
  }

  private static Ended seal(String... arguments) throws Exception {
    return Ended.of(command(arguments), TIMEOUT_SECONDS);
  }

  /** A sealed command that has begun. */
  private final class Running {
    final Process process;
    final BufferedReader out;
    final Path errors = scratch.resolve("errors");

    Running(String... arguments) throws Exception {
      process = new ProcessBuilder(command(arguments)).redirectError(errors.toFile()).start();
      processes.add(process);
      out = process.inputReader(UTF_8);
    }

    /** Its next line; null at its end. */
    String next() throws IOException {
      return out.readLine();
    }

    void answer() throws IOException {
      OutputStream in = process.getOutputStream();
      in.write('\n');
      in.flush();
    }

    int status() throws InterruptedException {
      assertThat(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)).as("it ends").isTrue();
      return process.exitValue();
    }

    String said() throws IOException {
      return Files.readString(errors);
    }
  }

  private OtherProcess.Running truncation() throws IOException {
    OtherProcess.Running truncation = OtherProcess.truncate(NanoClock.system(), file, 4096);
    processes.add(truncation.process());
    return truncation;
  }

  private static OtherProcess.Outcome outcome(OtherProcess.Running running) throws Exception {
    return running.outcome().get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
  }

  @Test
  void commandSeesTheMapAndItsStatusIsPassedOn() throws Exception {
    Path map = scratch.resolve("map.json");
    Ended ended =
        seal(
            "--map",
            map.toString(),
            file.toString(),
            "--",
            "sh",
            "-c",
            "cmp \"$SELKIE_MAP\" \"$1\" && grep -c . \"$SELKIE_FILE\"; echo \"$2 $3\";"
                + " grep LEASE /proc/locks; exit 7",
            "sh",
            map.toString(),
            "--write",
            "@" + map);

    assertThat(ended.status()).as(ended.out() + ended.err()).isEqualTo(7);
    assertThat(ended.out())
        .as("arguments are the command's own, and the kernel knows of a read lease")
        .contains("--write @" + map)
        .containsPattern("LEASE +ACTIVE +READ .*:" + Files.getAttribute(file, "unix:ino") + " ");
    assertThat(KernelLeases.on(file)).as("it was given back").isEmpty();
    JsonNode json = new ObjectMapper().readTree(map.toFile());
    JsonNode sealed = json.path("files").get(0);
    assertThat(sealed.path("path").asText()).isEqualTo(file.toString());
    assertThat(sealed.path("mode").asText()).isEqualTo("shared");
    assertThat(sealed.path("length").asLong()).isEqualTo(SIZE);
    assertThat(extentBytes(sealed)).isEqualTo(SIZE);
    assertThat(json.path("write").asBoolean()).isFalse();
    assertThat(json.path("holdMillis").asInt()).isEqualTo(10_000);
  }

  private static long extentBytes(JsonNode sealed) {
    long bytes = 0;
    for (JsonNode extent : sealed.path("extents")) {
      assertThat(extent.path("physical").isNumber()).as("%s", extent).isTrue();
      bytes += extent.path("length").asLong();
    }
    return bytes;
  }

  @Test
  void sparseFilesArePreparedForWriting() throws Exception {
    try (FileChannel sparse =
        FileChannel.open(
            scratch.resolve("sparse"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      sparse.write(ByteBuffer.wrap(new byte[1]), SIZE - 1);
    }
    Path map = scratch.resolve("map.json");
    Ended ended =
        seal(
            "--write",
            "--map",
            map.toString(),
            file.toString(),
            scratch.resolve("sparse").toString(),
            "--",
            "grep",
            "LEASE",
            "/proc/locks");

    assertThat(ended.status()).as(ended.err()).isZero();
    assertThat(ended.out())
        .containsPattern("LEASE +ACTIVE +WRITE .*:" + Files.getAttribute(file, "unix:ino") + " ");
    JsonNode files = new ObjectMapper().readTree(map.toFile()).path("files");
    assertThat(files).hasSize(2);
    assertThat(extentBytes(files.get(1))).isEqualTo(SIZE);
    assertThat(files.get(1).path("mode").asText()).isEqualTo("exclusive");
  }

  @Test
  void whoTruncatesWaitsUntilTheCommandHasEnded() throws Exception {
    Running running =
        new Running(
            "--on-break",
            "signal:USR1",
            "--hold-millis",
            Integer.toString(longHold()),
            file.toString(),
            "--",
            "bash",
            "-c",
            "trap 'echo told; read -r line; exit 5' USR1; echo ready; read -r line; read -r line");
    assertThat(running.next()).as(running.said()).isEqualTo("ready");
    OtherProcess.Running truncation = truncation();
    assertThat(running.next()).as(running.said()).isEqualTo("told");
    assertThat(truncation.process().isAlive()).as("the breaker waits").isTrue();
    assertThat(Files.size(file)).isEqualTo(SIZE);
    assertThat(KernelLeases.on(file)).as("S1: it is sealed still").isNotEmpty();

    running.answer();
    assertThat(running.status()).as(running.said()).isEqualTo(5);
    assertThat(outcome(truncation).succeeded()).isTrue();
    assertThat(Files.size(file)).isEqualTo(4096);
    assertThat(running.said()).contains("is wanted by another process");
  }

  /** What the machine allows, so that a slow one is in time. */
  private static int longHold() throws IOException {
    int seconds = SystemFacts.of(new LinuxKernel()).leaseBreakSeconds();
    return seconds == 0 ? 60_000 : (seconds - 4) * 1000;
  }

  @Test
  void commandThatDoesNotListenIsKilledWhenTheHoldIsOver() throws Exception {
    Running running =
        new Running(
            "--hold-millis",
            "500",
            file.toString(),
            "--",
            "bash",
            "-c",
            "trap '' TERM; (setsid sleep 3600 & echo $!); echo $$; sleep 3600");
    long background = Long.parseLong(running.next());
    long command = Long.parseLong(running.next());
    OtherProcess.Outcome truncated = outcome(truncation());

    assertThat(truncated.succeeded()).as(truncated.output()).isTrue();
    long waitedMillis =
        TimeUnit.NANOSECONDS.toMillis(truncated.endedNanos() - truncated.startedNanos());
    assertThat(waitedMillis)
        .as("neither before the hold is over nor when the kernel takes the lease")
        .isBetween(500L, TimeUnit.SECONDS.toMillis(40));
    assertThat(running.status()).as(running.said()).isEqualTo(124);
    assertThat(isAlive(command)).isFalse();
    assertThat(isAlive(background)).as("what it had sent into the background").isFalse();
    assertThat(running.said()).contains("did not end within 500 ms");
  }

  /** The kernel's time goes on while this one's stands still. */
  @Test
  void nothingIsLeftOfTheHoldWhenItWasStoppedMeanwhile() throws Exception {
    Running running =
        new Running(
            "--hold-millis",
            Integer.toString(longHold()),
            file.toString(),
            "--",
            "bash",
            "-c",
            "trap '' TERM; echo $$; exec sleep 3600");
    long command = Long.parseLong(running.next());
    OtherProcess.Running truncation;
    try (PidFd seal = PidFd.open(running.process.pid()).orElseThrow()) {
      assertThat(seal.send(PidFd.signal("STOP").getAsInt())).isZero();
      truncation = truncation();
      while (KernelLeases.on(file).stream().noneMatch(line -> line.contains("BREAKING"))) {
        assertThat(truncation.process().isAlive()).as("it waits").isTrue();
        Thread.onSpinWait();
      }
      assertThat(isAlive(command)).isTrue();
      assertThat(seal.send(PidFd.signal("CONT").getAsInt())).isZero();
    }
    assertThat(running.status()).as(running.said()).isEqualTo(124);
    assertThat(isAlive(command)).isFalse();
    assertThat(outcome(truncation).succeeded()).isTrue();
    assertThat(running.said()).contains("was stopped").doesNotContain("did not end within");
  }

  /** Not so one that has ended and whose parent has not asked how. */
  private static boolean isAlive(long pid) throws IOException {
    try {
      return !Files.readString(Path.of("/proc/" + pid + "/stat")).contains(") Z ");
    } catch (NoSuchFileException _) {
      return false;
    }
  }

  @Test
  void exitEndsTheCommandWithAStatusOfItsOwn() throws Exception {
    Running running =
        new Running(
            "--on-break", "exit", file.toString(), "--", "sh", "-c", "echo ready; exec sleep 3600");
    assertThat(running.next()).isEqualTo("ready");
    assertThat(outcome(truncation()).succeeded()).isTrue();
    assertThat(running.status()).as(running.said()).isEqualTo(123);
  }

  @Test
  void commandThatIsLeftRunningHasNoSealAnyMore() throws Exception {
    Running running =
        new Running(
            "--leave",
            "--hold-millis",
            "0",
            "--on-break",
            "signal:USR1",
            file.toString(),
            "--",
            "bash",
            "-c",
            "trap 'echo told' USR1; echo ready; while ! read -r line; do :; done; exit 9");
    assertThat(running.next()).isEqualTo("ready");
    assertThat(outcome(truncation()).succeeded()).isTrue();
    assertThat(running.next()).isEqualTo("told");
    assertThat(running.process.isAlive()).isTrue();
    assertThat(KernelLeases.on(file)).isEmpty();
    running.answer();
    assertThat(running.status()).as(running.said()).isEqualTo(9);
  }

  @Test
  void whatTheCommandLeavesBehindIsKilledBeforeTheSealIsGivenUp() throws Exception {
    Ended ended = seal(file.toString(), "--", "sh", "-c", "setsid sleep 3600 >&- 2>&- & echo $!");
    assertThat(ended.status()).as(ended.err()).isZero();
    assertThat(isAlive(Long.parseLong(ended.out().strip()))).isFalse();
  }

  @Test
  void killedSealLeavesNeitherLeaseNorCommand() throws Exception {
    Running running = new Running(file.toString(), "--", "sh", "-c", "echo $$; exec sleep 3600");
    ProcessHandle command = ProcessHandle.of(Long.parseLong(running.next())).orElseThrow();
    assertThat(KernelLeases.on(file)).isNotEmpty();
    running.process.destroyForcibly().waitFor();
    command.onExit().get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    assertThat(KernelLeases.on(file)).as("S5").isEmpty();
    assertThat(outcome(truncation()).succeeded()).isTrue();
  }

  @Test
  void terminationGoesToTheCommand() throws Exception {
    Running running =
        new Running(
            file.toString(),
            "--",
            "bash",
            "-c",
            "trap 'echo told; exit 4' TERM; echo ready; while :; do read -r line; done");
    assertThat(running.next()).isEqualTo("ready");
    running.process.toHandle().destroy();
    assertThat(running.next()).as(running.said()).isEqualTo("told");
    assertThat(running.status()).isEqualTo(4);
  }

  @Test
  void whatCannotBeSealedIsRefusedWithTheReason() throws Exception {
    Path ran = scratch.resolve("ran");
    String[] touch = {"--", "touch", ran.toString()};
    Path empty = Files.createFile(scratch.resolve("empty"));
    try (FileChannel _ = FileChannel.open(file, StandardOpenOption.WRITE)) {
      assertRefused("IN_USE", file, touch);
    }
    assertRefused("PAST_END", empty, touch);
    assertRefused("NOT_REGULAR", scratch.path(), touch);
    assertRefused("SYSTEM", scratch.resolve("none"), touch);
    assertThat(ran).as("nothing was run").doesNotExist();
    assertThat(KernelLeases.on(file)).isEmpty();
  }

  private static void assertRefused(String reason, Path path, String... command) throws Exception {
    List<String> words = new ArrayList<>(List.of(path.toString()));
    words.addAll(List.of(command));
    Ended ended = seal(words.toArray(String[]::new));
    assertThat(ended.status()).as(ended.err()).isEqualTo(125);
    assertThat(ended.err()).contains("not sealed (" + reason + ")", path.toString());
  }

  @Test
  void mistakesAreToldAndNothingIsRun() throws Exception {
    Ended longer = seal("--hold-millis", "9999999", file.toString(), "--", "true");
    assertThat(longer.status()).isEqualTo(2);
    assertThat(longer.err()).contains("lease-break-time", "ask for at most");
    Ended noCommand = seal(file.toString());
    assertThat(noCommand.status()).isEqualTo(2);
    assertThat(noCommand.err()).contains("say what to run");
    Ended noSignal = seal("--on-break", "signal:NONSENSE", file.toString(), "--", "true");
    assertThat(noSignal.status()).isEqualTo(2);
    assertThat(noSignal.err()).contains("signal:NONSENSE");
    Ended overwriting = seal("--map", file.toString(), file.toString(), "--", "true");
    assertThat(overwriting.status()).isEqualTo(2);
    assertThat(Files.size(file)).isEqualTo(SIZE);
    assertThat(seal(file.toString(), "--", "/no/such/program").status()).isEqualTo(127);
    assertThat(seal(file.toString(), "--", file.toString()).status()).isEqualTo(126);
  }
}
