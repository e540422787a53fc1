package io.selkie.test.drill;

/**
 * A scenario that was not played.
 *
 * @param isError whether it could not be; else it would have come after one that could not
 * @param reason for people
 */
record NotPlayed(String name, boolean isError, String reason) {}
