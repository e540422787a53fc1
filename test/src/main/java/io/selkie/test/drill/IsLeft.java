package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.Optional;

/** {@code left}: how many layouts the server still lists, of a client or of all, at the end. */
record IsLeft(
    @Setting(Setting.NOTHING) Optional<String> client, @Setting(max = 100_000) int layouts)
    implements Expectation {

  @Override
  public String text() {
    return "at the end "
        + client.map(name -> name + " holds ").orElse("all clients together hold ")
        + layouts
        + " layouts";
  }

  @Override
  public Verdict judge(Evidence evidence) {
    if (evidence.server().silence().isPresent()) {
      return new Verdict(text(), false, "not known: " + evidence.server().silence().get());
    }
    int found =
        client.isPresent()
            ? evidence.layoutsLeft().getOrDefault(client.get(), 0)
            : evidence.layoutsLeft().values().stream().mapToInt(Integer::intValue).sum();
    return new Verdict(text(), found == layouts, found + " layouts");
  }
}
