package io.selkie.test.drill;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.server.admin.AdminException;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** What an administrator's recall and fence have in common. */
final class AdminTaking {

  private AdminTaking() {}

  static String text(String verb, Optional<String> client, Optional<String> file) {
    return "an administrator "
        + verb
        + client.map(name -> " what " + name + " holds").orElse("")
        + file.map(name -> (client.isPresent() ? " of " : " all layouts of ") + name).orElse("");
  }

  /** Has it done and waits until it is. */
  static void run(
      Stage stage, String command, String text, Optional<String> client, Optional<String> file)
      throws IOException, StepFailedException {
    Map<String, String> texts = new HashMap<>();
    if (client.isPresent()) {
      texts.put("client", stage.clientId(client.get()));
    }
    if (file.isPresent()) {
      texts.put("file", stage.file(file.get()).path().toString());
    }
    stage.journal().note(Journal.LOCAL, "local_begun", text);
    try (Journal.Wait _ = stage.journal().waitFor(text)) {
      JsonNode done = new Admin(stage.target().socket()).act(command, texts);
      stage
          .journal()
          .note(
              Journal.LOCAL,
              "local_ended",
              "%s: over, %s layouts, complete: %s"
                  .formatted(text, done.path("layouts"), done.path("complete")));
    } catch (AdminException e) {
      throw new StepFailedException(text + ": " + e.getMessage(), e);
    }
  }
}
