package io.selkie.config;

/**
 * Delegations of files to clients. A recall has the deadline of {@link LayoutConfig}: the same
 * kernel lease stands behind both.
 *
 * @param enabled whether delegations are given
 * @param maxDelegations of all clients together; each keeps a file open and sealed
 * @param maxDelegationsPerClient of one client
 * @param contentionMillis how long a file stays without delegations after one was taken back
 * @param attributesWaitMillis how long a GETATTR waits for the holder of a write delegation to say
 *     what it has changed, before the delegation is recalled
 */
public record DelegationConfig(
    @Setting("true") boolean enabled,
    @Setting(value = "8192", min = 1, max = 10_000_000) int maxDelegations,
    @Setting(value = "4096", min = 1, max = 10_000_000) int maxDelegationsPerClient,
    @Setting(value = "5000", min = 0, max = 3_600_000) int contentionMillis,
    @Setting(value = "500", min = 1, max = 60_000) int attributesWaitMillis) {}
