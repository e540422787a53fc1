package io.selkie.test.drill;

import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Asks somebody who may hang, and does not hang with him. */
final class Bounded {

  /** How long a server may take to answer its administrators. */
  static final int ANSWER_SECONDS = 60;

  private Bounded() {}

  /**
   * The answer. Who has not answered in time is interrupted, which closes his socket.
   *
   * @param what is asked, for the message
   * @throws IOException when the question failed, or was not answered within {@link
   *     #ANSWER_SECONDS}
   */
  static <T> T ask(String what, Callable<T> question) throws IOException, InterruptedException {
    FutureTask<T> asked = new FutureTask<>(question);
    Thread.ofPlatform().daemon().name("drill question").start(asked);
    try {
      return asked.get(ANSWER_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new IOException(
          "%s: the server does not answer within %d s".formatted(what, ANSWER_SECONDS), e);
    } catch (ExecutionException e) {
      throw new IOException(what + ": " + e.getCause().getMessage(), e.getCause());
    } finally {
      asked.cancel(true);
    }
  }
}
