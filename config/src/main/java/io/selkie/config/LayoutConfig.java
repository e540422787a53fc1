package io.selkie.config;

/**
 * Layouts and their recall. {@code recallTimeoutMillis + fenceBudgetMillis} has to lie inside the
 * kernel's lease-break-time (S4); the server does not start otherwise.
 *
 * @param recallTimeoutMillis how long a client may take to return a layout before it is fenced
 * @param fenceBudgetMillis how long fencing may take; its end is the kernel's deadline at the
 *     latest
 * @param auditIntervalMillis how often each seal's block map is read again (S2)
 * @param maxLayouts layouts of all clients together
 * @param maxLayoutsPerClient layouts of one client
 * @param maxLayoutBytes longest range of one grant
 * @param prepareWindowBytes how much of a sparse file is allocated for one read-write grant, unless
 *     the client insists on more (loga_minlength); what is allocated already does not count
 * @param maxSealedFiles files sealed at a time
 * @param maxSealedFilesPerClient files of which one client has layouts at a time
 * @param retryReservationMillis how long a file stays free of layouts for a client that was told to
 *     come back
 * @param blockIoMillis the longest that a client's own access to a block device takes, to its end
 *     or its failure
 * @param storagePatienceMillis how long a file system may take to answer whether it can be changed
 *     before its layouts are recalled
 */
public record LayoutConfig(
    @Setting(value = "10000", min = 1, max = 3_600_000, live = true) int recallTimeoutMillis,
    @Setting(value = "5000", min = 1, max = 600_000, live = true) int fenceBudgetMillis,
    @Setting(value = "1000", min = 10, max = 3_600_000, live = true) int auditIntervalMillis,
    @Setting(value = "100000", min = 1, max = 10_000_000) int maxLayouts,
    @Setting(value = "50000", min = 1, max = 10_000_000) int maxLayoutsPerClient,
    @Setting(value = "1099511627776", min = 4096, max = Long.MAX_VALUE) long maxLayoutBytes,
    @Setting(value = "67108864", min = 4096, max = 1099511627776L) long prepareWindowBytes,
    @Setting(value = "20000", min = 1, max = 10_000_000) int maxSealedFiles,
    @Setting(value = "10000", min = 1, max = 10_000_000) int maxSealedFilesPerClient,
    @Setting(value = "2000", min = 1, max = 600_000) int retryReservationMillis,
    @Setting(value = "30000", min = 1, max = 600_000) int blockIoMillis,
    @Setting(value = "60000", min = 1000, max = 3_600_000) int storagePatienceMillis) {}
