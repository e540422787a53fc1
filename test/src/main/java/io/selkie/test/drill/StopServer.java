package io.selkie.test.drill;

/** {@code stopServer}: the server is asked to end (SIGTERM), and has ended. */
record StopServer() implements Step {

  @Override
  public String text() {
    return "the server is stopped";
  }

  @Override
  public boolean endsServer() {
    return true;
  }

  @Override
  public void run(Stage stage) throws Exception {
    try (Journal.Wait _ = stage.journal().waitFor(text())) {
      stage.journal().note(Journal.SERVER, "server_stopping", "SIGTERM");
      int status = stage.target().stop();
      stage.serverEnded("SIGTERM, exit status " + status);
    }
  }
}
