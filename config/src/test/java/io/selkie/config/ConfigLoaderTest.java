package io.selkie.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigLoaderTest {

  @TempDir Path dir;

  @BeforeEach
  void directories() throws IOException {
    Files.createDirectories(dir.resolve("a/inner"));
    Files.createDirectories(dir.resolve("b"));
    Files.createFile(dir.resolve("file"));
    Files.createSymbolicLink(dir.resolve("link"), dir.resolve("a/inner"));
  }

  /** What is wrong in a file, and the one problem that it must be told as. */
  static Stream<Arguments> wrongFiles() {
    return Stream.of(
        wrong("colour: red", "x:1:1: colour: is not a key", "the keys here are exports, listen"),
        wrong("listn: a:1", "x:1:1: listn: is not a key", "did you mean 'listen'?"),
        wrong(
            "log:\n  level: info\nlog:\n  level: warn",
            "x:3:1: log: stands here a second time, the first was in line 1",
            "remove one"),
        wrong(
            "sessions:\n  leaseSeconds: 15s",
            "x:2:17: sessions.leaseSeconds: is '15s', not a whole number",
            "the unit is seconds, as the key says: write a whole number, 15"),
        wrong(
            "layout:\n  recallTimeoutMillis: 2 s",
            "x:2:24: layout.recallTimeoutMillis: is '2 s', not a whole number",
            "write a whole number, 2000"),
        wrong(
            "sessions:\n  maxRequestBytes: 1MiB",
            "x:2:20: sessions.maxRequestBytes: is '1MiB', not a whole number",
            "the unit is bytes, as the key says: write a whole number, 1048576"),
        wrong(
            "sessions: {maxRequestBytes: 1 parsec}",
            "x:1:29: sessions.maxRequestBytes: is '1 parsec'",
            "the unit is bytes, as the key says: write a whole number"),
        wrong("admin: {mode: '0666'}", "admin.mode: is 0666: who may use", "write 0600, or 0660"),
        wrong("admin: {mode: '0060'}", "admin.mode: is 0060: who may use", "write 0600, or 0660"),
        wrong("admin: {mode: 'rw-'}", "admin.mode: is 'rw-'", "write an octal mode"),
        wrong("sessions:\n  maxSlots: 0", "x:2:13: sessions.maxSlots: is 0, out of", "1 to 4096"),
        wrong("sessions: {maxSlots: -3}", "sessions.maxSlots: is -3, out of range", "1 to 4096"),
        wrong(
            "sessions: {maxSlots: 99999999999999999999}",
            "sessions.maxSlots: is '99999999999999999999', not a whole number",
            "write a whole number"),
        wrong("sessions: {maxSlots: 1.5}", "maxSlots: is '1.5', not a whole", "a whole number"),
        wrong("sessions: {maxSlots: [1]}", "sessions.maxSlots: is a list", "write one value here"),
        wrong("sessions: {maxSlots: }", "sessions.maxSlots: has no value", "or remove the key"),
        wrong("sessions: 5", "x:1:11: sessions: is the value '5'", "write keys and values here"),
        wrong("- a", "x:1:1: is a list", "write keys and values here"),
        wrong("exports: /srv", "x:1:10: exports: is the value '/srv'", "write a list"),
        wrong(
            "exports: [{path: /tmp, device: /dev/null}]",
            "exports[0].path: stands beside 'device'",
            "keep one of the two"),
        wrong(
            "exports: [{device: /nowhere/dax0.0}]",
            "exports[0].device: /nowhere/dax0.0 does not exist",
            "see daxctl list, or mend the path"),
        wrong(
            "exports: [{device: /tmp}]",
            "exports[0].device: /tmp is not a device",
            "write 'path' for a directory"),
        wrong(
            "exports: [{device: /dev/null, file: a/b}]",
            "exports[0].file: 'a/b' cannot be the name of a file",
            "mend it"),
        wrong(
            "exports: [{path: /tmp, file: data}]",
            "exports[0].file: is for devices only",
            "remove it, or write 'device' instead of 'path'"),
        wrong("exports:\n  - name: n", "exports[0].path: is missing", "add it"),
        wrong("exports: [{path: DIR/none}]", "exports[0].path: DIR/none does not exist", "create"),
        wrong("exports: [{path: DIR/file}]", "DIR/file is not a directory", "export the directory"),
        wrong("exports: [{path: /}]", "exports[0].name: '' cannot be the name", "give it a name"),
        wrong("exports: [{path: DIR/a, name: x//y}]", "'x//y' cannot be the name", "with '/'"),
        wrong("exports: [{path: DIR/a, name: x/../y}]", "'x/../y' cannot be the name", "with '/'"),
        wrong(
            "exports: [{path: DIR/a, clients: [{hosts: '10.0.0.0/8 10.0.0.300'}]}]",
            "exports[0].clients[0].hosts: '10.0.0.300' is no address",
            "192.0.2.0/24"),
        wrong(
            "exports: [{path: DIR/a, clients: [{hosts: '::1/129'}]}]",
            "'::1/129' is no address",
            "2001:db8::/32"),
        wrong(
            "exports: [{path: DIR/a, clients: [{readOnly: true}]}]",
            "exports[0].clients[0].hosts: is missing",
            "add it"),
        wrong(
            "exports: [{path: DIR/a, clients: [{hosts: '*', security: krb5}]}]",
            "exports[0].clients[0].security: 'krb5' is not served",
            "sys"),
        wrong(
            "exports: [{path: DIR/a, clients: [{hosts: '*', squash: some}]}]",
            "exports[0].clients[0].squash: is 'some'",
            "root, all, none"),
        wrong("exports: [{path: DIR/a, readOnly: yes}]", "readOnly: is 'yes'", "true or false"),
        wrong(
            "exports:\n  - path: DIR/a\n  - path: DIR/a\n    name: z",
            "x:3:5: exports[1].path: DIR/a is exported by exports[0] in line 2 too",
            "remove one"),
        wrong(
            "exports:\n  - path: DIR/a\n  - path: DIR/a/inner",
            "x:3:5: exports[1].path: DIR/a/inner lies inside exports[0] in line 2, DIR/a",
            "exports must not overlap"),
        wrong(
            "exports:\n  - path: DIR/a/inner\n  - path: DIR/a",
            "x:3:5: exports[1].path: DIR/a contains exports[0] in line 2, DIR/a/inner",
            "exports must not overlap"),
        wrong(
            "exports:\n  - path: DIR/a\n  - path: DIR/link",
            "exports[1].path: DIR/a/inner lies inside exports[0] in line 2, DIR/a",
            "exports must not overlap"),
        wrong(
            "exports:\n  - path: DIR/a\n    name: same\n  - path: DIR/b\n    name: same",
            "x:5:5: exports[1].name: the name 'same' is that of exports[0] in line 2 too",
            "its own name"),
        wrong("listen: localhost", "x:1:9: listen: is 'localhost'", "write host:port"),
        wrong("listen: a:70000", "listen: is 'a:70000'", "a port up to 65535"),
        wrong("listen: ::1:2049", "listen: is '::1:2049'", "[address]:port"),
        wrong(
            "rdma: {provider: magic}",
            "rdma.provider: is 'magic'",
            "one of iwarp, verbs, auto, off"),
        wrong(
            "rdma: {provider: IWARP}",
            "rdma.provider: is 'IWARP'",
            "one of iwarp, verbs, auto, off"),
        wrong("rdma: {listen: 'h:1'}\nlisten: h:1", "is the address of 'listen' too", "own port"),
        wrong(
            "sessions: {maxOpens: 10, maxOpensPerClient: 11}",
            "x:1:26: sessions.maxOpensPerClient: is 11, more than the 10 that fit",
            "lower it to 10"),
        wrong("log: &l {level: info}", "log: anchors and aliases are not used", "write the value"),
        wrong("log: {}\n---\nlog: {}", "a second document begins here", "one document"),
        wrong("log: [", "is not YAML", "mend the line"),
        wrong("log: {level: info", "is not YAML", "mend the line"),
        wrong("\tlog: x", "is not YAML", "mend the line"));
  }

  private static Arguments wrong(String yaml, String message, String remedy) {
    return Arguments.of(yaml, message, remedy);
  }

  @ParameterizedTest
  @MethodSource("wrongFiles")
  void wrongFileIsToldWithPlaceAndRemedy(String yaml, String message, String remedy) {
    List<ConfigProblem> problems = problems(yaml.replace("DIR", dir.toString()));
    assertThat(problems).hasSize(1);
    String told = problems.get(0).toString().replace(dir.toString(), "DIR");
    assertThat(told).startsWith("x").contains(message).contains("; ").contains(remedy);
    assertThat(problems.get(0).line()).isPositive();
    assertThat(problems.get(0).column()).isPositive();
  }

  @Test
  void allProblemsComeAtOnceInTheOrderOfTheFile() {
    List<ConfigProblem> problems =
        problems(
            """
            listen: nowhere
            exports:
              - path: /does/not/exist
                nam: n
            log:
              level: loud
            """);
    assertThat(problems).extracting(ConfigProblem::line).containsExactly(1, 3, 4, 6);
  }

  /** Nobody can keep such a client from the device, so the fence has to wait for its lease. */
  @Test
  void blockLayoutsNeedAFenceAsLongAsALease() throws Exception {
    String yaml =
        """
        exports: [{path: %s, blockLayouts: unfenced}]
        sessions: {leaseSeconds: 10}
        layout: {fenceBudgetMillis: %s, blockIoMillis: 2000}
        """;
    SelkieConfig config =
        ConfigLoader.parse("x", yaml.formatted(dir.resolve("a"), 12_000), CommandLineSettings.NONE);
    assertThat(config.exports().getFirst().hasBlockLayouts()).isTrue();
    String less = yaml.formatted(dir.resolve("a"), 11_999);
    assertThatThrownBy(() -> ConfigLoader.parse("x", less, CommandLineSettings.NONE))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("fenceBudgetMillis")
        .hasMessageContaining("12000");
    String scsi = less.replace("unfenced", "scsi");
    assertThat(
            ConfigLoader.parse("x", scsi, CommandLineSettings.NONE)
                .exports()
                .getFirst()
                .hasBlockLayouts())
        .as("a disk can be told to refuse a client, at once")
        .isTrue();
    String tooShort = yaml.formatted(dir.resolve("a"), 1_999).replace("unfenced", "scsi");
    assertThatThrownBy(() -> ConfigLoader.parse("x", tooShort, CommandLineSettings.NONE))
        .as("but not before its last command is over")
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("fenceBudgetMillis")
        .hasMessageContaining("2000");
    String without = less.replace("unfenced", "none");
    assertThat(
            ConfigLoader.parse("x", without, CommandLineSettings.NONE)
                .exports()
                .getFirst()
                .hasBlockLayouts())
        .isFalse();
  }

  @Test
  void commandLineStandsInsteadOfTheFile() throws Exception {
    String yaml =
        """
        exports: [{path: /does/not/exist/any/more}]
        listen: 127.0.0.1:1
        rdma: {maxReadsPerQueuePair: 7}
        """;
    CommandLineSettings said =
        new CommandLineSettings(
            List.of(dir.resolve("a").toString(), dir.resolve("b") + "=other"),
            Optional.of("[::1]:0"),
            Optional.of("127.0.0.1:5"),
            Optional.of("auto"),
            Optional.empty(),
            Optional.of(dir.resolve("state")),
            Optional.of("debug"));
    assertThatThrownBy(() -> ConfigLoader.parse("x", yaml, CommandLineSettings.NONE))
        .isInstanceOf(ConfigException.class);
    SelkieConfig config = ConfigLoader.parse("x", yaml, said);
    Path real = dir.toRealPath();
    assertThat(config.exports())
        .containsExactly(
            new ExportConfig(real.resolve("a"), "a", false, true),
            new ExportConfig(real.resolve("b"), "other", false, true));
    assertThat(config.listen()).isEqualTo(new HostPort("::1", 0));
    assertThat(config.rdma().listen()).isEqualTo(new HostPort("127.0.0.1", 5));
    assertThat(config.rdma().provider()).isEqualTo(RdmaConfig.Provider.AUTO);
    assertThat(config.rdma().maxReadsPerQueuePair()).isEqualTo(7);
    assertThat(config.stateDirectory()).contains(dir.resolve("state"));
    assertThat(config.log().level()).isEqualTo(LogConfig.Level.DEBUG);
  }

  @Test
  void commandLineHasTheRulesOfExports() throws ConfigException {
    CommandLineSettings said =
        new CommandLineSettings(
            List.of(
                dir.resolve("a")
                    + "=files/a(10.0.0.0/8,rw,no_root_squash *,ro,all_squash,anonuid=7,sec=sys)"),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty());
    ExportConfig export = ConfigLoader.parse("x", "", said).exports().getFirst();
    assertThat(export.name()).isEqualTo("files/a");
    assertThat(export.clients())
        .containsExactly(
            new ClientRule(
                "10.0.0.0/8", false, ClientRule.Squash.NONE, 65_534, 65_534, "sys, none"),
            new ClientRule("*", true, ClientRule.Squash.ALL, 7, 65_534, "sys"));
  }

  @Test
  void exportMayLieInsideAnotherUnderTheNameThatSaysSo() throws ConfigException {
    String yaml =
        "exports: [{path: %s/a, name: x/y}, {path: %s/a/inner, name: x/y/inner}]"
            .formatted(dir, dir);
    assertThat(ConfigLoader.parse("x", yaml, CommandLineSettings.NONE).exports()).hasSize(2);
  }

  @Test
  void commandLineProblemsNameTheCommandLine() {
    CommandLineSettings said =
        new CommandLineSettings(
            List.of(dir.resolve("a").toString(), dir.resolve("a/inner").toString()),
            Optional.of("no port"),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            Optional.empty());
    ConfigException thrown =
        catchThrowableOfType(
            ConfigException.class, () -> ConfigLoader.load(Optional.empty(), said));
    assertThat(thrown.problems())
        .extracting(ConfigProblem::toString)
        .allMatch(text -> text.startsWith("command line: "))
        .anyMatch(text -> text.contains("lies inside exports[0]"))
        .anyMatch(text -> text.contains("'no port'"));
  }

  @Test
  void missingFileIsOneProblem() {
    assertThatThrownBy(
            () -> ConfigLoader.load(Optional.of(dir.resolve("no")), CommandLineSettings.NONE))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("cannot be read");
  }

  @Test
  void fileThatIsNotUtf8IsOneProblem() throws IOException {
    Path file = Files.write(dir.resolve("latin"), new byte[] {'l', ':', (byte) 0xe9});
    assertThatThrownBy(() -> ConfigLoader.load(Optional.of(file), CommandLineSettings.NONE))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("is not UTF-8");
  }

  @Test
  void differenceTellsWhatCanBeAppliedLive() throws Exception {
    SelkieConfig before =
        parse("exports: [{path: DIR/a}]\nlayout: {recallTimeoutMillis: 1}\nlisten: h:1");
    SelkieConfig after =
        parse("exports: [{path: DIR/b}]\nlayout: {recallTimeoutMillis: 2}\nlisten: h:2");
    ConfigDifference difference = ConfigDifference.between(before, after);
    assertThat(difference.changes())
        .extracting(ConfigDifference.Change::live)
        .containsExactly(true, true, false, true);
    assertThat(difference.changes())
        .extracting(ConfigDifference.Change::describe)
        .anyMatch(text -> text.startsWith("export a removed"))
        .anyMatch(text -> text.startsWith("export b added"))
        .contains("listen changed: h:1 to h:2 (needs a restart)")
        .contains("layout.recallTimeoutMillis changed: 1 to 2");
    assertThat(difference.isLive()).isFalse();
    assertThat(ConfigDifference.between(after, after).isEmpty()).isTrue();
  }

  /**
   * Devices are opened at start, so a reload that says otherwise must not look as if it counted.
   */
  @Test
  void blockLayoutsNeedARestart() throws Exception {
    String yaml =
        """
        exports: [{path: DIR/a, readOnly: true}%s]
        sessions: {leaseSeconds: 1}
        layout: {fenceBudgetMillis: 31000}
        """;
    SelkieConfig none = parse(yaml.formatted(""));
    SelkieConfig on = parse(yaml.formatted("").replace("readOnly: true", "blockLayouts: unfenced"));
    SelkieConfig elsewhere =
        parse(
            yaml.formatted("")
                .replace("DIR/a, readOnly: true", "DIR/b, name: a, blockLayouts: unfenced"));
    SelkieConfig added = parse(yaml.formatted(", {path: DIR/b, blockLayouts: unfenced}"));
    SelkieConfig readOnly =
        parse(
            yaml.formatted("").replace("readOnly: true", "readOnly: true, blockLayouts: unfenced"));

    assertThat(ConfigDifference.between(none, on).isLive()).isFalse();
    assertThat(ConfigDifference.between(on, none).isLive()).isFalse();
    assertThat(ConfigDifference.between(on, elsewhere).isLive()).as("another device").isFalse();
    assertThat(ConfigDifference.between(none, added).isLive()).isFalse();
    assertThat(ConfigDifference.between(added, none).isLive()).as("removed").isTrue();
    assertThat(ConfigDifference.between(on, readOnly).isLive()).as("something else").isTrue();
    assertThat(ConfigDifference.between(none, on).changes().getFirst().describe())
        .contains("blockLayouts none to unfenced")
        .contains("needs a restart");
    assertThat(ConfigDifference.between(none, added).changes().getFirst().describe())
        .contains("needs a restart");
  }

  @Property(tries = 2000)
  void anyTextIsAConfigurationOrATypedError(@ForAll String yaml) {
    try {
      assertThat(ConfigLoader.parse("x", yaml, CommandLineSettings.NONE)).isNotNull();
    } catch (ConfigException e) {
      assertThat(e.problems()).isNotEmpty();
    }
  }

  private SelkieConfig parse(String yaml) throws ConfigException {
    return ConfigLoader.parse("x", yaml.replace("DIR", dir.toString()), CommandLineSettings.NONE);
  }

  private static List<ConfigProblem> problems(String yaml) {
    return catchThrowableOfType(
            ConfigException.class, () -> ConfigLoader.parse("x", yaml, CommandLineSettings.NONE))
        .problems();
  }
}
