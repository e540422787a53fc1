package io.selkie.test.system;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.config.HostPort;
import io.selkie.test.support.ChildJvm;
import io.selkie.test.support.Ended;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Writer;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: {@code selkie ctl}, in a process of its own, has a server in another process in hand. */
@Tag("slow")
@Timeout(1200)
class CtlTest {

  private static final int TIMEOUT_SECONDS = 300;

  private static Ended ctl(Path state, String... arguments) throws Exception {
    return Ended.of(command(state, arguments), TIMEOUT_SECONDS);
  }

  private static List<String> command(Path state, String... arguments) {
    List<String> words = new ArrayList<>(List.of("ctl", "--state-dir", state.toString()));
    words.addAll(List.of(arguments));
    List<String> flags = List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m");
    return ChildJvm.command(ChildJvm.classPath(), flags, "io.selkie.server.Main", words);
  }

  @Test
  void administratorSeesAndTakesBackWhatAClientHolds() throws Exception {
    try (ScratchDirectory scratch = ServerUnderTest.scratch()) {
      Path export = Files.createDirectory(scratch.resolve("export"));
      Path file = Files.write(export.resolve("f"), new byte[65_536]);
      Path state = scratch.resolve("export.state").resolve("state");
      try (ServerProcess server =
              ServerUnderTest.serverOf(export, ServerUnderTest.LONG_LEASES).start();
          RawNfs nfs = RawNfs.connect(server.nfs(), "holder")) {
        RawNfs.OpenFile opened = nfs.open(server.exportName(), "f");
        assertThat(nfs.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, 65_536).status())
            .isZero();

        Ended listed = ctl(state, "layouts", "--json");
        assertThat(listed.status()).as(listed.err()).isZero();
        JsonNode layout = listed.json().get(0);
        assertThat(layout.path("path").asText()).isEqualTo("/f");
        assertThat(layout.path("length").asLong()).isEqualTo(65_536);
        assertThat(ctl(state, "layouts", "--file", file.toString()).out())
            .contains("CLIENT", layout.path("client").asText(), "granted", "/f");
        assertThat(ctl(state, "clients", "show", layout.path("client").asText()).out())
            .contains("layouts", "backChannel");

        Ended unasked = ctl(state, "recall", "--all");
        assertThat(unasked.status()).isEqualTo(2);
        assertThat(unasked.err()).contains("--yes");
        assertThat(ctl(state, "layouts", "--json").json()).hasSize(1);

        Ended unknown = ctl(state, "layouts", "--state", "grantd");
        assertThat(unknown.status()).as("wrong usage").isEqualTo(2);
        assertThat(unknown.err()).contains("grantd", "granted, recalled, returning, fencing");

        assertThat(ctl(state, "log", "level", "debug", "selkie.recall").status()).isZero();
        assertThat(ctl(state, "log").out()).containsPattern("debug +selkie.recall");
        Ended taken = ctl(state, "recall", "--file", file.toString(), "--yes", "--json");
        assertThat(taken.status()).as(taken.out() + taken.err()).isZero();
        assertThat(taken.json().path("layouts").asInt()).isOne();
        assertThat(taken.json().path("complete").asBoolean()).isTrue();
        assertThat(ctl(state, "layouts", "--json").json()).isEmpty();

        List<JsonNode> events =
            ctl(state, "events", "--json").out().lines().map(CtlTest::parsed).toList();
        assertThat(events).extracting(row -> row.path("event").asText()).contains("granted");
        JsonNode sent = only(events, "recall_sent");
        assertThat(sent.path("client")).isEqualTo(layout.path("client"));
        assertThat(sent.path("cause").asText()).isEqualTo("administrative");
        assertThat(only(events, "seal_released").path("recall"))
            .as("from the beginning to the release it is one recall: %s", events)
            .isEqualTo(sent.path("recall"));
        assertThat(only(events, "handle_invalidated").path("recall"))
            .isEqualTo(sent.path("recall"));

        Ended drained = ctl(state, "drain", "--yes");
        assertThat(drained.status()).as(drained.err()).isZero();
        assertThat(drained.out()).contains("stops");
        assertThat(drained.err()).as("progress").contains("nothing is granted any more");
        assertThat(server.terminate()).isIn(0, 143);
        assertThat(server.log()).as("each step of the recall").contains("recall sent, client");
      }
      Ended nobody = ctl(state, "status", "--json");
      assertThat(nobody.status()).isEqualTo(3);
      assertThat(nobody.json().path("error").path("code").asText()).isEqualTo("no_server");
    }
  }

  /** What is done to the server with that directory of its state. */
  private interface Deed {
    void at(Path state) throws Exception;
  }

  private static void whileALayoutIsHeld(Deed deed) throws Exception {
    try (ScratchDirectory scratch = ServerUnderTest.scratch()) {
      Path export = Files.createDirectory(scratch.resolve("export"));
      Files.write(export.resolve("f"), new byte[65_536]);
      Path state = scratch.resolve("export.state").resolve("state");
      try (ServerProcess server =
              ServerUnderTest.serverOf(export, ServerUnderTest.LONG_LEASES).start();
          RawNfs nfs = RawNfs.connect(server.nfs(), "holder")) {
        RawNfs.OpenFile opened = nfs.open(server.exportName(), "f");
        assertThat(nfs.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, 65_536).status())
            .isZero();
        deed.at(state);
      }
    }
  }

  /** {@code script} of util-linux makes a terminal, at which somebody types the answer. */
  @Test
  void administratorAtATerminalIsAsked() throws Exception {
    whileALayoutIsHeld(state -> {
      assertThat(typed("no", state, "fence", "--all")).contains("[y/N]", "nothing was done");
      assertThat(ctl(state, "layouts", "--json").json()).hasSize(1);
      assertThat(typed("yes", state, "fence", "--all")).contains("[y/N]", "1 layouts");
      assertThat(ctl(state, "layouts", "--json").json()).isEmpty();
    });
  }

  private static String typed(String answer, Path state, String... arguments) throws Exception {
    String words =
        command(state, arguments).stream()
            .map(word -> "'" + word + "'")
            .collect(Collectors.joining(" "));
    Process process =
        new ProcessBuilder("script", "-qefc", words, "/dev/null").redirectErrorStream(true).start();
    try (Writer in = process.outputWriter()) {
      in.write(answer + "\n");
      in.flush();
      return new String(process.getInputStream().readAllBytes(), UTF_8);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  /** Asked again and again: what has gone is not in the next one any more. */
  @Test
  void listIsWatchedAsItChanges() throws Exception {
    whileALayoutIsHeld(state -> {
      Process watching =
          new ProcessBuilder(command(state, "layouts", "--watch=1", "--json"))
              .redirectErrorStream(true)
              .start();
      try {
        BlockingQueue<String> said = lines(watching);
        await(said, "\"path\":\"/f\"");
        await(said, "\"path\":\"/f\"");
        assertThat(ctl(state, "fence", "--all", "--yes").status()).isZero();
        assertThat(await(said, "[]")).isEqualTo("[]");
      } finally {
        watching.destroyForcibly().waitFor();
      }
      assertThat(ctl(state, "layouts", "--watch=0").status()).isEqualTo(2);
    });
  }

  @Test
  void changedFileIsLoadedByItselfWhereThatIsWanted() throws Exception {
    try (ScratchDirectory scratch = ServerUnderTest.scratch()) {
      for (String name : List.of("one", "two")) {
        Files.createDirectory(scratch.resolve(name));
      }
      Path config = write(scratch, "one");
      String wanted = "admin: {reloadOnChange: true}\n";
      Files.writeString(config, Files.readString(config) + wanted);
      List<String> serve = List.of("serve", "--config", config.toString());
      Process server =
          new ProcessBuilder(
                  ChildJvm.command(
                      ChildJvm.classPath(), List.of("-Xmx256m"), "io.selkie.server.Main", serve))
              .redirectErrorStream(true)
              .start();
      try {
        BlockingQueue<String> said = lines(server);
        await(said, "selkie ready");
        String before = Files.readString(config);
        Files.writeString(config, before.replace("exports:\n", "exprots:\n"));
        assertThat(parsed(await(said, "exprots: is not a key")).path("formattedMessage").asText())
            .contains(config + ":1:1:");
        write(scratch, "one", "two");
        Files.writeString(config, Files.readString(config) + wanted);
        await(said, "configuration: export two added");
      } finally {
        server.destroyForcibly().waitFor();
      }
    }
  }

  private static JsonNode only(List<JsonNode> events, String name) {
    List<JsonNode> found =
        events.stream().filter(row -> row.path("event").asText().equals(name)).toList();
    assertThat(found).as("%s in %s", name, events).hasSize(1);
    return found.getFirst();
  }

  private static JsonNode parsed(String line) {
    try {
      return new ObjectMapper().readTree(line);
    } catch (IOException e) {
      throw new AssertionError("no JSON: " + line, e);
    }
  }

  @Test
  void hangUpAndReloadBringANewConfigurationIntoForce() throws Exception {
    try (ScratchDirectory scratch = ServerUnderTest.scratch()) {
      for (String name : List.of("one", "two", "three")) {
        Files.createDirectory(scratch.resolve(name));
      }
      Path state = scratch.resolve("state");
      Path config = write(scratch, "one");
      List<String> serve = List.of("serve", "--config", config.toString());
      // Whoever started the tests may ignore hang-ups, and a JVM leaves it at that.
      List<String> command = new ArrayList<>(List.of("env", "--default-signal=HUP"));
      command.addAll(
          ChildJvm.command(
              ChildJvm.classPath(), List.of("-Xmx256m"), "io.selkie.server.Main", serve));
      Process server = new ProcessBuilder(command).redirectErrorStream(true).start();
      try {
        BlockingQueue<String> said = lines(server);
        await(said, "selkie ready");
        write(scratch, "one", "two");
        kill(server, "-HUP");
        assertThat(parsed(await(said, "configuration: export two added")).path("level").asText())
            .as("the log is JSON, as the configuration says")
            .isEqualTo("INFO");

        kill(server, "-USR1");
        String dumped = parsed(await(said, "events are in ")).path("formattedMessage").asText();
        assertThat(Path.of(dumped.substring(dumped.indexOf('/')))).isRegularFile();

        write(scratch, "two", "three");
        Ended planned = ctl(state, "reload", "--dry-run");
        assertThat(planned.status()).as(planned.err()).isZero();
        assertThat(planned.out()).contains("one removed", "three added", "not applied");
        assertThat(ctl(state, "reload").out()).contains("one removed", "three added", "applied");
        assertThat(ctl(state, "exports", "--json").json())
            .extracting(row -> row.path("name").asText())
            .containsExactlyInAnyOrder("two", "three");

        Files.writeString(config, Files.readString(config) + "layuot: {}\n");
        Ended wrong = ctl(state, "reload");
        assertThat(wrong.status()).isEqualTo(1);
        assertThat(wrong.err()).contains("mistakes", config + ":", "layuot: is not a key");
        assertThat(server.isAlive()).isTrue();
      } finally {
        server.destroyForcibly().waitFor();
      }
    }
  }

  /** The events for us, the threads for whoever asked the JVM; several times, and at once. */
  @Test
  void quitSignalWritesEventsAndThreadsAndTheServerGoesOn() throws Exception {
    try (ScratchDirectory scratch = ServerUnderTest.scratch()) {
      Path export = Files.createDirectory(scratch.resolve("one"));
      Files.write(export.resolve("f"), new byte[65_536]);
      Path config = write(scratch, "one");
      Files.writeString(config, Files.readString(config) + ServerUnderTest.LONG_LEASES);
      List<String> serve = List.of("serve", "--config", config.toString(), "--json-ready");
      // The log on standard error, as it is outside of tests: the JVM prints on the other.
      List<String> flags = List.of("-Xmx256m", "-Dlogback.configurationFile=logback.xml");
      Process server =
          new ProcessBuilder(
                  ChildJvm.command(ChildJvm.classPath(), flags, "io.selkie.server.Main", serve))
              .start();
      try {
        BlockingQueue<String> out = lines(server.getInputStream());
        BlockingQueue<String> log = lines(server.getErrorStream());
        String ready = parsed(await(out, "\"nfs\"")).path("nfs").asText();
        HostPort nfs = HostPort.parse(ready).orElseThrow();
        InetSocketAddress address = new InetSocketAddress(nfs.host(), nfs.port());
        try (RawNfs holder = RawNfs.connect(address, "holder")) {
          RawNfs.OpenFile opened = holder.open("one", "f");
          assertThat(holder.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, 65_536).status())
              .isZero();
          for (int i = 0; i < 3; i++) {
            kill(server, "-QUIT");
            await(out, "Full thread dump");
            String dumped = parsed(await(log, "events are in ")).path("formattedMessage").asText();
            assertThat(Path.of(dumped.substring(dumped.indexOf('/'))))
                .content()
                .contains("\"event\":\"granted\"");
          }
          for (int i = 0; i < 20; i++) {
            kill(server, "-QUIT");
          }
          assertThat(holder.open("one", "f")).as("served as before").isNotNull();
        }
        assertThat(ctl(scratch.resolve("state"), "status").status()).isZero();
        server.toHandle().destroy();
        assertThat(server.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(server.exitValue()).isIn(0, 143);
      } finally {
        server.destroyForcibly().waitFor();
      }
    }
  }

  private static void kill(Process process, String signal) throws Exception {
    String pid = Long.toString(process.pid());
    assertThat(new ProcessBuilder("kill", signal, pid).start().waitFor()).isZero();
  }

  private static Path write(ScratchDirectory scratch, String... exports) throws IOException {
    StringBuilder text = new StringBuilder("exports:\n");
    for (String export : exports) {
      text.append("  - path: ").append(scratch.resolve(export)).append('\n');
    }
    text.append("log: {format: json}\n");
    text.append("listen: 127.0.0.1:0\nrdma: {listen: \"127.0.0.1:0\"}\n");
    text.append("stateDirectory: ").append(scratch.resolve("state")).append('\n');
    return Files.writeString(scratch.resolve("selkie.yaml"), text);
  }

  private static BlockingQueue<String> lines(Process process) {
    return lines(process.getInputStream());
  }

  private static BlockingQueue<String> lines(InputStream from) {
    BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    Thread.ofPlatform()
        .daemon()
        .name("server-output")
        .start(() -> {
          try (var reader = new BufferedReader(new InputStreamReader(from, UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
              lines.add(line);
            }
          } catch (IOException e) {
            lines.add(e.toString());
          }
        });
    return lines;
  }

  private static String await(BlockingQueue<String> lines, String wanted) throws Exception {
    List<String> seen = new ArrayList<>();
    String line = lines.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    while (line != null && !line.contains(wanted)) {
      seen.add(line);
      line = lines.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }
    assertThat(line).as("after %s", seen).isNotNull();
    return line;
  }

  @Test
  void completionKnowsTheCommands() throws Exception {
    try (ScratchDirectory scratch = ServerUnderTest.scratch()) {
      Ended completion = ctl(scratch.path(), "completion");
      assertThat(completion.status()).isZero();
      assertThat(completion.out()).contains("recall", "layouts", "--dry-run", "complete -F");
      Path script = Files.writeString(scratch.resolve("completion.bash"), completion.out());
      Process bash = new ProcessBuilder("bash", "-n", script.toString()).start();
      assertThat(bash.waitFor()).as("it is a script").isZero();
    }
  }
}
