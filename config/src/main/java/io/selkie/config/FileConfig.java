package io.selkie.config;

/**
 * The passthrough file system's own limits.
 *
 * @param maxOpenDescriptions inodes that the server holds open at a time
 */
public record FileConfig(
    @Setting(value = "16384", min = 64, max = 10_000_000) int maxOpenDescriptions) {}
