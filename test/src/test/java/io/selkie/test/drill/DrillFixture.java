package io.selkie.test.drill;

import io.selkie.config.time.NanoClock;
import io.selkie.server.WallClock;
import io.selkie.test.support.ChildJvm;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Optional;

/** Plays scenarios on throw-away servers, as the command does. */
final class DrillFixture implements AutoCloseable {

  private final Drill drill;
  private final Servers servers;

  DrillFixture(Path scratch) {
    this(scratch, ChildJvm.classPath());
  }

  /** With servers that have this class path. */
  DrillFixture(Path scratch, String classPath) {
    this.drill = new Drill(NanoClock.system(), new WallClock(), 1, scratch);
    this.servers =
        Servers.throwAway(
            Optional.of(Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath()),
            classPath);
  }

  /** Plays one. */
  Outcome play(Scenario scenario) throws Exception {
    Outcome outcome = drill.play(scenario, servers.forScenario(scenario));
    servers.after(outcome);
    return outcome;
  }

  /** Plays the one of this text. */
  Outcome play(String name, String yaml) throws Exception {
    return play(ScenarioReader.read(name, name + ".yaml", yaml));
  }

  /** What the server has said when it has ended. */
  String logOfStoppedServer() throws Exception {
    return servers.stop();
  }

  /** The report, for messages. */
  static String report(Outcome outcome) {
    StringWriter text = new StringWriter();
    new TextReport(new io.selkie.test.support.Terminal(new PrintWriter(text), false, true), false)
        .tell(outcome);
    return text.toString();
  }

  @Override
  public void close() throws IOException {
    servers.close();
  }
}
