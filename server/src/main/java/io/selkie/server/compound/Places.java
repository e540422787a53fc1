package io.selkie.server.compound;

import java.nio.ByteBuffer;

/**
 * Tells what an operation depends on that may be slow for reasons of its own, such as the disk of
 * one export. Work in different places does not wait for one another. Called on event loops.
 */
@FunctionalInterface
public interface Places {

  /** The place of whatever depends on memory only. */
  int NOWHERE = 0;

  /** Everything is in one place. */
  Places ONE = (request, start, length) -> NOWHERE;

  /**
   * The place that a filehandle leads to; a guess that nothing but fairness depends on.
   *
   * @param request holds the handle, as the client sent it
   * @return one of as many numbers as there are places, {@link #NOWHERE} for what is unknown
   */
  int of(ByteBuffer request, int start, int length);

  /**
   * Whether what a filehandle leads to is open, so that to find it no disk is needed; a guess, too.
   */
  default boolean isAtHand(ByteBuffer request, int start, int length) {
    return true;
  }
}
