package io.selkie.test.drill;

import io.selkie.config.Setting;

/** {@code gone}: there is no file of that name any more. */
record IsGone(@Setting(max = 64) String file) implements Expectation {

  @Override
  public String text() {
    return file + " is gone";
  }

  @Override
  public Verdict judge(Evidence evidence) {
    Evidence.FileState state = evidence.files().get(file);
    boolean gone = state == null || !state.there();
    return new Verdict(text(), gone, gone ? "not there" : state.sizeBytes() + " bytes");
  }
}
