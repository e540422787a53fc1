package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/** {@code fenced}: the server took a client's layout by force, and was through with it. */
record WasFenced(@Setting(max = 32) String client, @Setting(Setting.NOTHING) Optional<String> file)
    implements Expectation {

  @Override
  public String text() {
    return client + " is fenced" + file.map(name -> " off " + name).orElse("");
  }

  @Override
  public Verdict judge(Evidence evidence) {
    List<Happening> fenced = evidence.events("fence_begun", client, file);
    long dead =
        evidence.events("handle_invalidated", client, file).stream()
            .filter(event -> event.detail().equals("fenced"))
            .count();
    String found =
        "%d fences (%s), %d handles dead of it"
            .formatted(fenced.size(), Evidence.recalls(fenced), dead);
    return new Verdict(text(), !fenced.isEmpty() && dead > 0, found);
  }
}
