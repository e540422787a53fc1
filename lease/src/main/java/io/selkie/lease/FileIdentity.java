package io.selkie.lease;

/**
 * Names an inode for the life of this process.
 *
 * @param device {@code stx_dev} as major in the upper, minor in the lower 32 bits
 * @param inode inode number
 * @param generation tells a reused inode number apart; 0 where the file system has none
 */
public record FileIdentity(long device, long inode, long generation) {}
