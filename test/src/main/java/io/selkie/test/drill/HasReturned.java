package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/** {@code returned}: a client gave its layout back, and was not fenced. */
record HasReturned(
    @Setting(max = 32) String client, @Setting(Setting.NOTHING) Optional<String> file)
    implements Expectation {

  @Override
  public String text() {
    return client + " returns its layout" + file.map(name -> " of " + name).orElse("");
  }

  @Override
  public Verdict judge(Evidence evidence) {
    List<Happening> returned = evidence.events("layout_returned", client, file);
    List<Happening> fenced = evidence.events("fence_begun", client, file);
    String found =
        "returned %d times (%s), fenced %d times"
            .formatted(returned.size(), Evidence.recalls(returned), fenced.size());
    return new Verdict(text(), !returned.isEmpty() && fenced.isEmpty(), found);
  }
}
