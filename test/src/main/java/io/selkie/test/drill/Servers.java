package io.selkie.test.drill;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The server for each scenario: one that runs already, or throw-away ones. Those are used again as
 * long as nothing went wrong on them and the next scenario wants the same. For one thread.
 */
final class Servers implements AutoCloseable {

  private final Optional<Target> running;
  private final Optional<Path> directory;
  private final String classPath;
  private ThrowAwayServer current;

  private Servers(Optional<Target> running, Optional<Path> directory, String classPath) {
    this.running = running;
    this.directory = directory;
    this.classPath = classPath;
  }

  static Servers running(Target target) {
    return new Servers(Optional.of(target), Optional.empty(), "");
  }

  /**
   * Started when they are needed.
   *
   * @param directory where their files go
   * @param classPath of their processes
   */
  static Servers throwAway(Optional<Path> directory, String classPath) {
    return new Servers(Optional.empty(), directory, classPath);
  }

  Target forScenario(Scenario scenario) throws IOException, InterruptedException {
    if (running.isPresent()) {
      return running.get();
    }
    Scenario.Server wanted = scenario.head().server();
    if (current == null || !current.isAlive() || !current.settings().equals(wanted)) {
      close();
      current = ThrowAwayServer.start(directory, wanted, classPath);
    }
    return current;
  }

  /** A server on which something failed is not used again. */
  void after(Outcome outcome) throws IOException {
    if (!outcome.passed()) {
      close();
    }
  }

  /** Stops the throw-away server; all that it has said, its last words included. */
  String stop() throws IOException, InterruptedException {
    int _ = current.stop();
    String said = current.log();
    close();
    return said;
  }

  @Override
  public void close() throws IOException {
    if (current != null) {
      current.close();
      current = null;
    }
  }
}
