package io.selkie.test.drill;

import io.selkie.config.Setting;
import java.util.List;
import java.util.Optional;

/**
 * What is to be done and what must come of it.
 *
 * @param name of the file, without its ending
 * @param head files, clients and bounds
 * @param steps in this order
 * @param expectations looked at when all is over
 */
record Scenario(String name, Head head, List<Step> steps, List<Expectation> expectations) {

  /**
   * All keys but the steps and the expectations.
   *
   * @param about for people, a sentence or two
   * @param limitMillis bound on all steps together
   */
  record Head(
      @Setting(min = 1, max = 400) String about,
      @Setting(value = "30000", min = 1000, max = 600_000) int limitMillis,
      Server server,
      @Setting(value = "", max = 16) List<FileSpec> files,
      @Setting(value = "", max = 32) List<ClientSpec> clients) {}

  /**
   * What a throw-away server is started with; one that runs already keeps its own.
   *
   * @param recallTimeoutMillis {@code layout.recallTimeoutMillis}
   * @param fenceBudgetMillis {@code layout.fenceBudgetMillis}
   */
  record Server(
      @Setting(value = "3000", min = 100, max = 30_000) int recallTimeoutMillis,
      @Setting(value = "1000", min = 100, max = 10_000) int fenceBudgetMillis) {}

  /**
   * A file, made before the first step and filled with the byte {@code .}.
   *
   * @param name one component
   */
  record FileSpec(
      @Setting(min = 1, max = 64) String name,
      @Setting(value = "1048576", min = 4096, max = 64 << 20) long sizeBytes) {}

  /**
   * A client.
   *
   * @param onRecall what it does when a layout is recalled
   * @param delay of those that are late
   */
  record ClientSpec(
      @Setting(min = 1, max = 32) String name,
      @Setting("answer") Conduct onRecall,
      @Setting(Setting.NOTHING) Optional<String> delay) {}
}
