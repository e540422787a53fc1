package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/** {@code recalled}: the server asked a client for its layout. */
record WasRecalled(
    @Setting(max = 32) String client, @Setting(Setting.NOTHING) Optional<String> file)
    implements Expectation {

  @Override
  public String text() {
    return client + " is asked for its layout" + file.map(name -> " of " + name).orElse("");
  }

  @Override
  public Verdict judge(Evidence evidence) {
    List<Happening> sent = evidence.events("recall_sent", client, file);
    return new Verdict(
        text(), !sent.isEmpty(), sent.size() + " callbacks, " + Evidence.recalls(sent));
  }
}
