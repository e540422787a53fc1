package io.selkie.client.layout;

import io.selkie.client.direct.DirtyRange;

/**
 * What a sync could not do by the layout, and leaves to its caller.
 *
 * @param dirty what is not durable, or null when all is
 * @param timesOwed whether the server has not heard of writes that are durable, and there is no
 *     layout any more to tell it by: its times of the file are those of before
 */
public record Unsettled(DirtyRange.Taken dirty, boolean timesOwed) {
  static final Unsettled NOTHING = new Unsettled(null, false);
}
