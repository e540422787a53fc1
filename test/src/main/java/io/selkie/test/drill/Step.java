package io.selkie.test.drill;

/** Something that is done. Immutable: a scenario can be played again. */
interface Step {

  /** For people: what it does, to what. */
  String text();

  /**
   * Does it, and returns when it is done.
   *
   * @throws StepFailedException when it did not go as it should
   */
  void run(Stage stage) throws Exception;

  /** Whether it stops or starts the server, which only a throw-away one may be asked. */
  default boolean endsServer() {
    return false;
  }
}
