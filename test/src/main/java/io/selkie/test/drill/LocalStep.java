package io.selkie.test.drill;

import java.util.List;
import java.util.Optional;

/** Something that another process of the server's machine does to a file. */
interface LocalStep extends Step {

  /** To which one. */
  String file();

  /** What expectations call it. */
  Optional<String> name();

  /** The program and its arguments. */
  List<String> command(Stage stage) throws Exception;

  /** What it has changed when it has succeeded. */
  void changed(Stage stage);

  @Override
  default void run(Stage stage) throws Exception {
    Stage.LocalAct act = stage.local(text(), stage.file(file()), command(stage));
    if (name().isPresent()) {
      stage.localActs().put(name().get(), act);
    }
    if (act.status() != 0) {
      throw new StepFailedException(
          "%s: status %d, %s".formatted(text(), act.status(), act.output()));
    }
    changed(stage);
  }
}
