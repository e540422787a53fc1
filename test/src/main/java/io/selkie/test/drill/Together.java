package io.selkie.test.drill;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/**
 * {@code together}: all begin at the same time; over when all are.
 *
 * @param steps at least one
 */
record Together(List<Step> steps) implements Step {

  @Override
  public String text() {
    return steps.size() + " steps at the same time";
  }

  @Override
  public boolean endsServer() {
    return steps.stream().anyMatch(Step::endsServer);
  }

  @Override
  public void run(Stage stage) throws Exception {
    List<Callable<Void>> all = new ArrayList<>();
    for (Step step : steps) {
      all.add(() -> {
        step.run(stage);
        return null;
      });
    }
    stage.atTheSameTime(all, text());
  }
}
