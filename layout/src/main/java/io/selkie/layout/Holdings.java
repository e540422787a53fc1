package io.selkie.layout;

/**
 * What a client holds that could be recalled.
 *
 * @param layouts held or being granted
 * @param layoutFiles of which those are
 * @param delegations held
 */
public record Holdings(int layouts, int layoutFiles, int delegations) {}
