package io.selkie.layout;

/**
 * What a client holds that could be recalled.
 *
 * @param layouts held or being granted
 * @param delegations held
 */
public record Holdings(int layouts, int delegations) {}
