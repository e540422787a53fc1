package io.selkie.test.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.config.cli.CommandFactory;
import io.selkie.server.SelkieServer;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.ServiceLoader;
import picocli.CommandLine;

/** A server in this process, and the commands that talk to it. */
final class ServedOnDevice implements AutoCloseable {

  /** Of the network device that the RDMA device is on. */
  static final String ADDRESS = System.getProperty("selkie.verbs.address");

  private final SelkieServer server;
  private final Path work;

  /** What a command came to. */
  record Said(int status, String out, String err) {}

  /**
   * Starts one.
   *
   * @param provider {@code rdma.provider}
   * @param rdmaListen HOST:PORT
   * @param exports DIR=NAME
   */
  ServedOnDevice(String provider, String rdmaListen, String... exports) throws Exception {
    work = Files.createTempDirectory("served-");
    server =
        SelkieServer.start(
            ConfigLoader.load(
                Optional.empty(),
                new CommandLineSettings(
                    List.of(exports),
                    Optional.of(ADDRESS + ":0"),
                    Optional.of(rdmaListen),
                    Optional.of(provider),
                    Optional.empty(),
                    Optional.of(work.resolve("state")),
                    Optional.of("info"))));
  }

  SelkieServer server() {
    return server;
  }

  String url(String path) {
    return "nfs://" + ADDRESS + ":" + server.nfsAddress().getPort() + "/" + path;
  }

  /** A file of random octets, of an odd length, that is not on the server. */
  Path local(String name, long seed) throws Exception {
    byte[] content = new byte[(3 << 20) + 4093];
    new Random(seed).nextBytes(content);
    return Files.write(work.resolve(name), content);
  }

  /** Where something may be copied to. */
  Path place(String name) {
    return work.resolve(name);
  }

  /** What a metric says; 0 for one that is not there. */
  long metric(String id) {
    Map<String, Object> values = server.metrics().values();
    return values.getOrDefault(id, 0L) instanceof Number number ? number.longValue() : 0;
  }

  /** Parts of layouts that went by a provider. */
  long registrations(String provider) {
    return server.metrics().values().entrySet().stream()
        .filter(each -> each.getKey().startsWith("selkie_rdma_registrations_total"))
        .filter(each -> each.getKey().contains(provider))
        .mapToLong(each -> ((Number) each.getValue()).longValue())
        .sum();
  }

  /** Runs a command that must succeed. */
  Said succeed(String name, Object... arguments) {
    Said said = run(name, arguments);
    assertThat(said.status).as("%s %s: %s", name, List.of(arguments), said).isZero();
    return said;
  }

  /** Runs a command of the program, in this process. */
  static Said run(String name, Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    for (CommandFactory factory : ServiceLoader.load(CommandFactory.class)) {
      CommandLine command = new CommandLine(factory.create());
      if (command.getCommandName().equals(name)) {
        String[] words = new String[arguments.length];
        for (int i = 0; i < words.length; i++) {
          words[i] = String.valueOf(arguments[i]);
        }
        int status =
            command
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(words);
        return new Said(status, out.toString(), err.toString());
      }
    }
    throw new IllegalArgumentException("no command " + name);
  }

  @Override
  public void close() {
    server.close();
  }
}
