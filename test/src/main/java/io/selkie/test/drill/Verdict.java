package io.selkie.test.drill;

/**
 * Whether something was as it must be.
 *
 * @param text what must be so
 * @param held whether it was
 * @param found the figure or the fact behind it
 */
record Verdict(String text, boolean held, String found) {}
