package io.selkie.server.admin;

import java.io.IOException;

/**
 * Takes an answer as it comes, one piece after the other. It may block for as long as its reader
 * wants, so nobody calls it with a lock of the data side.
 */
public interface AdminSink {

  /** One row of a list: a record of {@link Rows}. */
  void row(Object row) throws IOException;

  /** A line for people, while something takes its time; to be delivered at once. */
  void progress(String text) throws IOException;

  /**
   * There is nothing more for now: what was taken so far is delivered, and if that is nothing, the
   * reader is sent something without a meaning, so that one that is gone is noticed.
   */
  default void pause() throws IOException {}
}
