package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.Optional;

/**
 * {@code await}: goes on when the server has told an event, at any time since the scenario began.
 *
 * @param event as {@code selkie ctl events} calls it, such as recall_sent
 */
record AwaitEvent(
    @Setting(min = 1, max = 40) String event,
    @Setting(Setting.NOTHING) Optional<String> client,
    @Setting(Setting.NOTHING) Optional<String> file)
    implements Step {

  @Override
  public String text() {
    return "the event "
        + event
        + client.map(name -> " of " + name).orElse("")
        + file.map(name -> ", file " + name).orElse("");
  }

  @Override
  public void run(Stage stage) throws Exception {
    String id = client.isPresent() ? stage.clientId(client.get()) : "";
    String name =
        file.isPresent() ? String.valueOf(stage.file(file.get()).path().getFileName()) : "";
    try (Journal.Wait _ = stage.journal().waitFor(text())) {
      if (stage
          .events()
          .await(found ->
              found.event().equals(event)
                  && (id.isEmpty() || found.client().equals(id))
                  && (name.isEmpty() || found.isOf(name)))
          .isEmpty()) {
        throw new StepFailedException("there was no end to waiting for " + text());
      }
    }
  }
}
