package io.selkie.config;

import io.selkie.config.Node.Entry;
import io.selkie.config.Node.Mapping;
import io.selkie.config.Node.Place;
import io.selkie.config.Node.Scalar;
import io.selkie.config.Node.Sequence;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Makes a {@link SelkieConfig} from a file, the command line, both or neither. It either answers a
 * configuration that is valid as a whole, or throws everything that is wrong at once.
 */
public final class ConfigLoader {

  private static final long FILE_BYTES_MAX = 1L << 20;
  private static final String WHOLE = "the configuration";

  private ConfigLoader() {}

  /**
   * Loads.
   *
   * @param file the configuration file; nothing means all defaults
   * @param commandLine what stands instead of what the file says
   */
  public static SelkieConfig load(Optional<Path> file, CommandLineSettings commandLine)
      throws ConfigException {
    if (file.isEmpty()) {
      return parse("", "", commandLine);
    }
    Path path = file.get();
    Problems problems = new Problems(path.toString());
    try {
      if (Files.size(path) > FILE_BYTES_MAX) {
        problems.at(Place.NOWHERE, "", "is longer than 1 MiB", "is this really the configuration?");
      } else {
        return parse(path.toString(), Files.readString(path), commandLine);
      }
    } catch (CharacterCodingException _) {
      problems.at(Place.NOWHERE, "", "is not UTF-8", "save it as UTF-8");
    } catch (IOException e) {
      problems.at(Place.NOWHERE, "", "cannot be read: " + e, "check the path and its permissions");
    }
    throw new ConfigException(problems.inOrder());
  }

  /**
   * Loads from a text.
   *
   * @param source stands in the problems
   */
  public static SelkieConfig parse(String source, String yaml, CommandLineSettings commandLine)
      throws ConfigException {
    Problems inFile = new Problems(source);
    Problems onCommandLine = new Problems("command line");
    Optional<Node> root = new YamlReader(inFile).read(yaml);
    if (root.isEmpty()) {
      throw new ConfigException(inFile.inOrder());
    }
    Optional<Node> fromCommandLine = nodes(commandLine);
    RecordBinder fileBinder = new RecordBinder(inFile, WHOLE);
    SelkieConfig config = fileBinder.bind(SelkieConfig.class, root.get(), "");
    new ConfigCheck(inFile, fileBinder).check(config, commandLine.exports().isEmpty());
    if (fromCommandLine.isPresent()) {
      RecordBinder binder = new RecordBinder(onCommandLine, WHOLE);
      SelkieConfig said = binder.bind(SelkieConfig.class, fromCommandLine.get(), "");
      new ConfigCheck(onCommandLine, binder).check(said, true);
      config = merge(config, said, commandLine);
    }
    List<ConfigProblem> problems = new ArrayList<>(inFile.inOrder());
    problems.addAll(onCommandLine.inOrder());
    if (!problems.isEmpty()) {
      throw new ConfigException(problems);
    }
    return withRealExports(config);
  }

  /** The command line in the shape of a file, so that one set of rules reads both. */
  private static Optional<Node> nodes(CommandLineSettings said) {
    Mapping root = new Mapping(Place.NOWHERE, new LinkedHashMap<>());
    if (!said.exports().isEmpty()) {
      Sequence exports = new Sequence(Place.NOWHERE);
      for (String export : said.exports()) {
        exports.items().add(exportNode(export));
      }
      root.entries().put("exports", new Entry(Place.NOWHERE, exports));
    }
    said.listen().ifPresent(text -> put(root, text, "listen"));
    said.rdmaListen().ifPresent(text -> put(root, text, "rdma", "listen"));
    said.rdmaProvider().ifPresent(text -> put(root, text, "rdma", "provider"));
    said.diagnosticsListen().ifPresent(text -> put(root, text, "diagnostics", "listen"));
    said.stateDirectory().ifPresent(path -> put(root, path.toString(), "stateDirectory"));
    said.logLevel().ifPresent(text -> put(root, text, "log", "level"));
    return root.entries().isEmpty() ? Optional.empty() : Optional.of(root);
  }

  /**
   * {@code DIR} or {@code DIR=NAME}, then perhaps rules for clients in parentheses; a directory
   * with a '=' in it has to be given a name.
   */
  private static Node exportNode(String said) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    String text = said;
    int open = said.indexOf('(');
    if (open >= 0 && said.endsWith(")")) {
      text = said.substring(0, open);
      Node rules = ExportOptions.rules(said.substring(open + 1, said.length() - 1));
      entries.put("clients", new Entry(Place.NOWHERE, rules));
    }
    int equals = text.lastIndexOf('=');
    String directory = equals < 0 ? text : text.substring(0, equals);
    entries.put("path", new Entry(Place.NOWHERE, new Scalar(Place.NOWHERE, directory, true)));
    if (equals >= 0) {
      Node name = new Scalar(Place.NOWHERE, text.substring(equals + 1), true);
      entries.put("name", new Entry(Place.NOWHERE, name));
    }
    return new Mapping(Place.NOWHERE, entries);
  }

  private static void put(Mapping root, String text, String... keys) {
    Mapping at = root;
    for (int i = 0; i < keys.length - 1; i++) {
      Entry known = at.entries().get(keys[i]);
      Mapping inner =
          known != null && known.value() instanceof Mapping there
              ? there
              : new Mapping(Place.NOWHERE);
      at.entries().put(keys[i], new Entry(Place.NOWHERE, inner));
      at = inner;
    }
    Node value = new Scalar(Place.NOWHERE, text, true);
    at.entries().put(keys[keys.length - 1], new Entry(Place.NOWHERE, value));
  }

  private static SelkieConfig merge(
      SelkieConfig file, SelkieConfig said, CommandLineSettings which) {
    RdmaConfig rdma = file.rdma();
    return new SelkieConfig(
        which.exports().isEmpty() ? file.exports() : said.exports(),
        which.listen().isPresent() ? said.listen() : file.listen(),
        new RdmaConfig(
            which.rdmaProvider().isPresent() ? said.rdma().provider() : rdma.provider(),
            which.rdmaListen().isPresent() ? said.rdma().listen() : rdma.listen(),
            rdma.advertisedHost(),
            rdma.maxQueuePairs(),
            rdma.maxQueuePairsPerClient(),
            rdma.maxReadsPerQueuePair(),
            rdma.handshakeTimeoutMillis(),
            rdma.maxPinnedBytes(),
            rdma.threads()),
        file.layout(),
        file.delegations(),
        file.sessions(),
        file.files(),
        file.identity(),
        file.workers(),
        which.stateDirectory().isPresent() ? said.stateDirectory() : file.stateDirectory(),
        which.logLevel().isPresent() ? said.log() : file.log(),
        which.diagnosticsListen().isPresent() ? said.diagnostics() : file.diagnostics(),
        file.admin(),
        file.http());
  }

  /** Exports with their real paths and names; {@link ConfigCheck} has found them to exist. */
  private static SelkieConfig withRealExports(SelkieConfig config) {
    return config.withExports(
        config.exports().stream().map(ConfigCheck::real).flatMap(Optional::stream).toList());
  }
}
