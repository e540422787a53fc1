package io.selkie.test.drill;

import io.selkie.config.Setting;

/**
 * {@code silenced}: a client went on using a layout that was over, and none of it was placed. What
 * files hold is looked at by {@code content}.
 */
record WasSilenced(@Setting(max = 32) String client) implements Expectation {

  @Override
  public String text() {
    return "nothing of " + client + " lands when its layout is over, and it does try";
  }

  @Override
  public Verdict judge(Evidence evidence) {
    Accesses.Tally tally = evidence.accesses().getOrDefault(client, Accesses.NONE);
    String found =
        "%d accesses placed while it held a layout, afterwards %d placed and %d refused"
            .formatted(
                tally.placed() - tally.placedAfterEnd(),
                tally.placedAfterEnd(),
                tally.refusedAfterEnd());
    return new Verdict(text(), tally.placedAfterEnd() == 0 && tally.refusedAfterEnd() > 0, found);
  }
}
