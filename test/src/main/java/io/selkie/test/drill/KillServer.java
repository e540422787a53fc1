package io.selkie.test.drill;

/** {@code killServer}: the server is killed (SIGKILL). */
record KillServer() implements Step {

  @Override
  public String text() {
    return "the server is killed";
  }

  @Override
  public boolean endsServer() {
    return true;
  }

  @Override
  public void run(Stage stage) throws Exception {
    try (Journal.Wait _ = stage.journal().waitFor(text())) {
      stage.target().kill();
      stage.serverEnded("SIGKILL");
    }
  }
}
