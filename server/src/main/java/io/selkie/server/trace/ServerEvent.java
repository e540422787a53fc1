package io.selkie.server.trace;

/**
 * Something that happened and is no layout event.
 *
 * @param atNanos when it ended, in {@code NanoClock} nanoseconds
 * @param what in a word or two, such as SLOW_OPERATION
 * @param clientId 0 when it belongs to no client
 * @param nanos how long it took; 0 for a moment
 */
public record ServerEvent(long atNanos, String what, long clientId, long nanos, String detail) {}
