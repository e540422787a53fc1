package io.selkie.config;

/**
 * The threads that do what may block in the kernel.
 *
 * @param threads how many; 0 chooses by the number of processors
 * @param networkThreads event loops for NFS connections; 0 chooses by the number of processors
 * @param queueLength requests under way or waiting for a thread; beyond it NFS4ERR_DELAY
 */
public record WorkerConfig(
    @Setting(value = "0", min = 0, max = 1024) int threads,
    @Setting(value = "0", min = 0, max = 256) int networkThreads,
    @Setting(value = "8192", min = 16, max = 1_000_000) int queueLength) {}
