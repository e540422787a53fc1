package io.selkie.test.drill;

/**
 * One thing that happened, as the drill saw it or the server told it.
 *
 * @param atNanos when, on the drill's monotonic clock
 * @param lane {@link Journal#LOCAL}, {@link Journal#SERVER} or a client's name
 * @param to the lane where it arrived, the same when nothing travelled
 * @param event its name for programs, in snake case
 * @param recall the number of the recall that it belongs to; 0 for none
 * @param text for people
 */
record Mark(long atNanos, String lane, String to, String event, long recall, String text) {}
