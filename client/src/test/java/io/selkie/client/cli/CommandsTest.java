package io.selkie.client.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.client.fake.FakeServer;
import io.selkie.config.cli.CommandFactory;
import io.selkie.protocol.nfs4.NfsStat4;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Goal: the commands do what they say, say what they did not do, and leave nothing half done. */
@Timeout(120)
class CommandsTest {
  @TempDir Path directory;
  private FakeServer server;
  private StringWriter err;
  private StringWriter text;
  private ByteArrayOutputStream data;

  @BeforeEach
  void start() throws Exception {
    server = new FakeServer();
  }

  @AfterEach
  void stop() throws Exception {
    server.close();
  }

  private static byte[] random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new Random(seed).nextBytes(data);
    return data;
  }

  private int run(RemoteCommand command, byte[] input, String... arguments) {
    err = new StringWriter();
    text = new StringWriter();
    data = new ByteArrayOutputStream();
    command.useStreams(new Streams(new ByteArrayInputStream(input), data, false));
    return new CommandLine(command)
        .setErr(new PrintWriter(err, true))
        .setOut(new PrintWriter(text, true))
        .execute(arguments);
  }

  private int run(RemoteCommand command, String... arguments) {
    return run(command, new byte[0], arguments);
  }

  private String url(String path) {
    return "nfs://127.0.0.1:" + server.port() + path;
  }

  private String local(String name) {
    return directory.resolve(name).toString();
  }

  private long strayFiles() throws Exception {
    try (Stream<Path> files = Files.list(directory)) {
      long here = files.filter(f -> f.toString().contains("selkie-part")).count();
      return here + server.state().names().stream().filter(n -> n.contains("part")).count();
    }
  }

  @Test
  void everyCommandIsRegistered() {
    assertThat(
            ServiceLoader.load(CommandFactory.class).stream()
                .map(provider -> new CommandLine(provider.get().create()).getCommandName()))
        .contains("ls", "cat", "cp", "put");
  }

  @Test
  void lsListsSortedAndAsJson() throws Exception {
    server.state().addFile("b\u001b[31m", new byte[3]);
    server.state().addFile("a", new byte[2]);
    assertThat(run(new LsCommand(), url("/"))).isZero();
    assertThat(text.toString().lines()).containsExactly("a", "b\\u001b[31m");
    assertThat(run(new LsCommand(), "-l", url("/a"))).isZero();
    assertThat(text.toString()).startsWith("-rw-r--r--").contains(" 2 ").endsWith("a\n");
    assertThat(run(new LsCommand(), "--json", url("/"))).isZero();
    JsonNode json = new ObjectMapper().readTree(text.toString());
    assertThat(json).hasSize(2);
    assertThat(json.get(0).get("size_bytes").asLong()).isEqualTo(2);
    assertThat(json.get(0).get("mode").asText()).isEqualTo("0644");
  }

  @Test
  void cpCopiesBothWaysWithoutNfsReadOrWrite() throws Exception {
    byte[] bytes = random(9 << 20, 1);
    Files.write(directory.resolve("in"), bytes);
    assertThat(run(new CpCommand(), "-v", "--direct=require", local("in"), url("/copy")))
        .as(() -> err.toString())
        .isZero();
    assertThat(err.toString()).contains(", 0 bytes through NFS READ and WRITE");
    assertThat(run(new CpCommand(), "--direct=require", url("/copy"), local("out"))).isZero();
    assertThat(Files.readAllBytes(directory.resolve("out"))).isEqualTo(bytes);
    assertThat(run(new CpCommand(), "--direct=require", url("/copy"), url("/again"))).isZero();
    assertThat(server.state().file("again").content()).isEqualTo(bytes);
    assertThat(server.counts()).doesNotContainKeys("READ", "WRITE");
    assertThat(strayFiles()).isZero();
  }

  @Test
  void cpCopiesTreesAndSeveralFilesIntoADirectory() throws Exception {
    Files.createDirectories(directory.resolve("tree/sub"));
    Files.write(directory.resolve("tree/one"), random(100, 2));
    Files.write(directory.resolve("tree/sub/two"), random(5000, 3));
    Files.createSymbolicLink(directory.resolve("tree/link"), Path.of("one"));
    assertThat(run(new CpCommand(), local("tree"), url("/t"))).isEqualTo(1);
    assertThat(err.toString()).contains("-r copies it");
    assertThat(run(new CpCommand(), "-r", local("tree"), url("/t"))).isEqualTo(1);
    assertThat(err.toString()).contains("link: symbolic link; not copied");
    assertThat(run(new CpCommand(), "-r", url("/t"), local("back"))).isZero();
    assertThat(Files.readAllBytes(directory.resolve("back/sub/two"))).isEqualTo(random(5000, 3));
    assertThat(run(new CpCommand(), local("tree/one"), local("tree/sub/two"), url("/t/sub/")))
        .isZero();
    assertThat(run(new CpCommand(), url("/t/sub/one"), url("/t/one"), local("none"))).isEqualTo(1);
    assertThat(err.toString()).contains("not a directory");
    assertThat(run(new CpCommand(), "-r", url("/t"), url("/t/sub/x"))).isEqualTo(1);
    assertThat(err.toString()).contains("cannot be copied into itself");
    assertThat(run(new CpCommand(), url("/t/one"), url("/t/one"))).isEqualTo(1);
    assertThat(err.toString()).contains("same file");
  }

  @Test
  void aFailureInTheMiddleLeavesTheOldFileAndNoHalfOne() throws Exception {
    server.state().addFile("source", random(3 << 20, 4));
    Files.writeString(directory.resolve("target"), "old");
    server.script(FakeServer.times(100, "READ", NfsStat4.NFS4ERR_IO));
    assertThat(run(new CpCommand(), "--direct=never", url("/source"), local("target")))
        .isEqualTo(1);
    assertThat(err.toString().lines()).hasSize(1).first().asString().contains("NFS4ERR_IO");
    assertThat(Files.readString(directory.resolve("target"))).isEqualTo("old");
    assertThat(strayFiles()).isZero();

    server.script(FakeServer.times(100, "COMMIT", NfsStat4.NFS4ERR_NOSPC));
    Files.write(directory.resolve("in"), random(1000, 5));
    assertThat(run(new CpCommand(), "--direct=never", local("in"), url("/source"))).isEqualTo(1);
    assertThat(err.toString()).contains("no space left");
    assertThat(server.state().file("source").content()).isEqualTo(random(3 << 20, 4));
    assertThat(strayFiles()).isZero();
  }

  @Test
  void fallingBackIsSaid() throws Exception {
    server.state().addFile("f", random(100, 6));
    server.script(operation ->
        operation.equals("LAYOUTGET") ? NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE : FakeServer.PROCEED);
    assertThat(run(new CatCommand(), url("/f"))).isZero();
    assertThat(data.toByteArray()).isEqualTo(random(100, 6));
    assertThat(err.toString()).contains("not one-sided", "cannot seal this file");
    assertThat(run(new CatCommand(), "--direct=require", url("/f"))).isEqualTo(3);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(data.size()).isZero();
  }

  @Test
  void putWritesStandardInput() throws Exception {
    byte[] bytes = random(10 << 20, 7);
    assertThat(run(new PutCommand(), bytes, "--direct=require", url("/p")))
        .as(() -> err.toString())
        .isZero();
    assertThat(server.state().file("p").content()).isEqualTo(bytes);
    assertThat(run(new PutCommand(), new byte[0], url("/empty"))).isZero();
    assertThat(server.state().file("empty").size()).isZero();
    assertThat(strayFiles()).isZero();
  }

  @Test
  void catGoesOnAfterAFailure() throws Exception {
    server.state().addFile("x", "hello".getBytes(java.nio.charset.StandardCharsets.UTF_8));
    assertThat(run(new CatCommand(), url("/none"), url("/x"))).isEqualTo(1);
    assertThat(data.toString(java.nio.charset.StandardCharsets.UTF_8)).isEqualTo("hello");
    assertThat(err.toString()).contains("no such file or directory");
  }

  @Test
  void wrongUsageIsTwo() {
    assertThat(run(new CpCommand(), "a", "b")).isEqualTo(2);
    assertThat(run(new LsCommand(), "notaurl")).isEqualTo(2);
    assertThat(run(new LsCommand(), "--direct=perhaps", "nfs://h/")).isEqualTo(2);
  }

  @Test
  void aServerThatIsNotThereIsOneLine() throws Exception {
    String gone = url("/");
    server.close();
    assertThat(run(new LsCommand(), gone)).isEqualTo(1);
    assertThat(err.toString().lines()).hasSize(1).first().asString().contains("cannot connect");
  }
}
