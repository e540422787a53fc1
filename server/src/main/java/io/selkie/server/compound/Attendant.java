package io.selkie.server.compound;

import java.util.concurrent.CompletionStage;

/**
 * Prepares a worker thread for each operation, or part of one, that it runs, and tidies up after
 * it: on whose behalf the operation enters the file system. Called on the worker itself.
 */
public interface Attendant {

  /** Does nothing. */
  Attendant NONE =
      new Attendant() {
        @Override
        public CompletionStage<?> begin(CompoundContext c, boolean mayWait) {
          return null;
        }

        @Override
        public void end(CompoundContext c) {}
      };

  /**
   * Before an operation.
   *
   * @param mayWait whether a stage may be answered: the operation has not begun yet
   * @return null when it may run; otherwise a stage to wait for, after which this is asked again,
   *     then without leave to wait
   */
  CompletionStage<?> begin(CompoundContext c, boolean mayWait);

  /** After it, when {@link #begin} answered null; also when it failed or waits. */
  void end(CompoundContext c);
}
