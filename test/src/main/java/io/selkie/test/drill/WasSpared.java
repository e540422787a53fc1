package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/** {@code spared}: a client was neither asked nor fenced. */
record WasSpared(@Setting(max = 32) String client, @Setting(Setting.NOTHING) Optional<String> file)
    implements Expectation {

  @Override
  public String text() {
    return client + " keeps its layout" + file.map(name -> " of " + name).orElse("");
  }

  @Override
  public Verdict judge(Evidence evidence) {
    List<Happening> sent = evidence.events("recall_sent", client, file);
    List<Happening> fenced = evidence.events("fence_begun", client, file);
    String found =
        "%d callbacks (%s), %d fences"
            .formatted(sent.size(), Evidence.recalls(sent), fenced.size());
    return new Verdict(text(), sent.isEmpty() && fenced.isEmpty(), found);
  }
}
