package io.selkie.test.drill;

/** {@code startServer}: a server is started in the place of the one that ended. */
record StartServer() implements Step {

  @Override
  public String text() {
    return "the server is started again";
  }

  @Override
  public boolean endsServer() {
    return true;
  }

  @Override
  public void run(Stage stage) throws Exception {
    try (Journal.Wait _ = stage.journal().waitFor(text())) {
      stage.target().start();
      stage.serverStarted();
    }
  }
}
