package io.selkie.test.drill;

import java.util.List;

/**
 * {@code inOrder}: one after the other, so many times; for use in {@code together}, or to repeat.
 *
 * @param steps at least one
 */
record InOrder(int times, List<Step> steps) implements Step {

  @Override
  public String text() {
    return steps.size() + " steps in order" + (times > 1 ? ", " + times + " times" : "");
  }

  @Override
  public boolean endsServer() {
    return steps.stream().anyMatch(Step::endsServer);
  }

  @Override
  public void run(Stage stage) throws Exception {
    for (int i = 0; i < times; i++) {
      for (Step step : steps) {
        step.run(stage);
      }
    }
  }
}
