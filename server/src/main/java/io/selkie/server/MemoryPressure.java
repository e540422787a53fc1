package io.selkie.server;

/** Says whether memory becomes scarce, so that what can be given back is asked for in time. */
interface MemoryPressure {

  /** Never scarce. */
  MemoryPressure NONE =
      new MemoryPressure() {
        @Override
        public boolean isHigh() {
          return false;
        }

        @Override
        public void onHigh(Runnable listener) {}
      };

  /** Whether little was left when unused memory was last collected. */
  boolean isHigh();

  /**
   * Whom to tell when it becomes so; once, until it was not so in between.
   *
   * @param listener must not block
   */
  void onHigh(Runnable listener);
}
