package io.selkie.test.system;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.test.support.ChildJvm;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: {@code selkie ctl}, in a process of its own, has a server in another process in hand. */
@Tag("slow")
@Timeout(1200)
class CtlTest {

  private static final int TIMEOUT_SECONDS = 300;
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The client that holds something does nothing else, and commands may take their time. */
  private static final String LONG_LEASES =
      """
      sessions:
        leaseSeconds: 1800
        graceSeconds: 1800
      """;

  private record Ended(int status, String out, String err) {
    JsonNode json() throws IOException {
      return JSON.readTree(out);
    }
  }

  private static Ended ctl(Path state, String... arguments) throws Exception {
    List<String> words = new ArrayList<>(List.of("ctl", "--state-dir", state.toString()));
    words.addAll(List.of(arguments));
    List<String> flags = List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m");
    Process process =
        new ProcessBuilder(
                ChildJvm.command(ChildJvm.classPath(), flags, "io.selkie.server.Main", words))
            .start();
    process.getOutputStream().close();
    CompletableFuture<String> out = CompletableFuture.supplyAsync(() -> text(process, true));
    CompletableFuture<String> err = CompletableFuture.supplyAsync(() -> text(process, false));
    if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
    return new Ended(
        process.waitFor(),
        out.get(TIMEOUT_SECONDS, TimeUnit.SECONDS),
        err.get(TIMEOUT_SECONDS, TimeUnit.SECONDS));
  }

  private static String text(Process process, boolean out) {
    try (var stream = out ? process.getInputStream() : process.getErrorStream()) {
      return new String(stream.readAllBytes(), UTF_8);
    } catch (IOException e) {
      return e.toString();
    }
  }

  @Test
  void administratorSeesAndTakesBackWhatAClientHolds() throws Exception {
    try (ScratchDirectory scratch = ServerUnderTest.scratch()) {
      Path export = Files.createDirectory(scratch.resolve("export"));
      Path file = Files.write(export.resolve("f"), new byte[65_536]);
      Path state = scratch.resolve("export.state").resolve("state");
      try (ServerProcess server = ServerUnderTest.serverOf(export, LONG_LEASES).start();
          RawNfs nfs = RawNfs.connect(server.nfs(), "holder")) {
        RawNfs.OpenFile opened = nfs.open(server.exportName(), "f");
        assertThat(nfs.layoutGet(opened, opened.stateid(), Op.IOMODE_RW, 0, 65_536).status())
            .isZero();

        Ended listed = ctl(state, "layouts", "--json");
        assertThat(listed.status).as(listed.err).isZero();
        JsonNode layout = listed.json().get(0);
        assertThat(layout.path("path").asText()).isEqualTo("/f");
        assertThat(layout.path("length").asLong()).isEqualTo(65_536);
        assertThat(ctl(state, "layouts", "--file", file.toString()).out)
            .contains("CLIENT", layout.path("client").asText(), "granted", "/f");
        assertThat(ctl(state, "clients", "show", layout.path("client").asText()).out)
            .contains("layouts", "backChannel");

        Ended unasked = ctl(state, "recall", "--all");
        assertThat(unasked.status).isEqualTo(2);
        assertThat(unasked.err).contains("--yes");
        assertThat(ctl(state, "layouts", "--json").json()).hasSize(1);

        Ended taken = ctl(state, "recall", "--file", file.toString(), "--yes", "--json");
        assertThat(taken.status).as(taken.out + taken.err).isZero();
        assertThat(taken.json().path("layouts").asInt()).isOne();
        assertThat(taken.json().path("complete").asBoolean()).isTrue();
        assertThat(ctl(state, "layouts", "--json").json()).isEmpty();

        Ended drained = ctl(state, "drain", "--yes");
        assertThat(drained.status).as(drained.err).isZero();
        assertThat(drained.out).contains("stops");
        assertThat(drained.err).as("progress").contains("nothing is granted any more");
        assertThat(server.terminate()).isIn(0, 143);
      }
      Ended nobody = ctl(state, "status", "--json");
      assertThat(nobody.status).isEqualTo(3);
      assertThat(nobody.json().path("error").path("code").asText()).isEqualTo("no_server");
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
      Process server =
          new ProcessBuilder(
                  ChildJvm.command(
                      ChildJvm.classPath(), List.of("-Xmx256m"), "io.selkie.server.Main", serve))
              .redirectErrorStream(true)
              .start();
      try {
        BlockingQueue<String> said = lines(server);
        await(said, "selkie ready");
        write(scratch, "one", "two");
        new ProcessBuilder("kill", "-HUP", Long.toString(server.pid())).start().waitFor();
        await(said, "configuration: export two added");

        write(scratch, "two", "three");
        Ended planned = ctl(state, "reload", "--dry-run");
        assertThat(planned.status).as(planned.err).isZero();
        assertThat(planned.out).contains("one removed", "three added", "not applied");
        assertThat(ctl(state, "reload").out).contains("one removed", "three added", "applied");
        assertThat(ctl(state, "exports", "--json").json())
            .extracting(row -> row.path("name").asText())
            .containsExactlyInAnyOrder("two", "three");

        Files.writeString(config, Files.readString(config) + "layuot: {}\n");
        Ended wrong = ctl(state, "reload");
        assertThat(wrong.status).isEqualTo(1);
        assertThat(wrong.err).contains("mistakes", config + ":", "layuot: is not a key");
        assertThat(server.isAlive()).isTrue();
      } finally {
        server.destroyForcibly().waitFor();
      }
    }
  }

  private static Path write(ScratchDirectory scratch, String... exports) throws IOException {
    StringBuilder text = new StringBuilder("exports:\n");
    for (String export : exports) {
      text.append("  - path: ").append(scratch.resolve(export)).append('\n');
    }
    text.append("listen: 127.0.0.1:0\nrdma: {listen: \"127.0.0.1:0\"}\n");
    text.append("stateDirectory: ").append(scratch.resolve("state")).append('\n');
    return Files.writeString(scratch.resolve("selkie.yaml"), text);
  }

  private static BlockingQueue<String> lines(Process process) {
    BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    Thread.ofPlatform()
        .daemon()
        .name("server-output")
        .start(() -> {
          try (var reader =
              new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
              lines.add(line);
            }
          } catch (IOException e) {
            lines.add(e.toString());
          }
        });
    return lines;
  }

  private static void await(BlockingQueue<String> lines, String wanted) throws Exception {
    List<String> seen = new ArrayList<>();
    String line = lines.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    while (line != null && !line.contains(wanted)) {
      seen.add(line);
      line = lines.poll(TIMEOUT_SECONDS, TimeUnit.SECONDS);
    }
    assertThat(line).as("after %s", seen).isNotNull();
  }

  @Test
  void completionKnowsTheCommands() throws Exception {
    try (ScratchDirectory scratch = ServerUnderTest.scratch()) {
      Ended completion = ctl(scratch.path(), "completion");
      assertThat(completion.status).isZero();
      assertThat(completion.out).contains("recall", "layouts", "--dry-run", "complete -F");
      Path script = Files.writeString(scratch.resolve("completion.bash"), completion.out);
      Process bash = new ProcessBuilder("bash", "-n", script.toString()).start();
      assertThat(bash.waitFor()).as("it is a script").isZero();
    }
  }
}
