package io.selkie.test.drill;

import io.selkie.config.Setting;

/**
 * {@code content}: a file holds each byte that was acknowledged, and none that came when it might
 * not. Read by the drill through the kernel, when all is over.
 */
record HasContent(@Setting(max = 64) String file) implements Expectation {

  @Override
  public String text() {
    return file + " has lost nothing, and nothing came too late";
  }

  @Override
  public Verdict judge(Evidence evidence) {
    Evidence.FileState state = evidence.files().get(file);
    if (state == null || !state.there()) {
      return new Verdict(text(), false, file + " is not there");
    }
    return new Verdict(
        text(),
        state.difference().isEmpty(),
        state
            .difference()
            .orElse(state.sureBytes() + " of " + state.sizeBytes() + " bytes compared"));
  }
}
