package io.selkie.rdma;

/**
 * What a provider can do here; concluded once at start.
 *
 * @param maxRegionBytes largest single registration; a longer extent is split (DiSNI: below 2 GiB)
 * @param maxPrivateDataBytes private data carried by a connection request or answer
 * @param flush whether the peer may use RDMA FLUSH for durability
 * @param addressesAreVirtual whether {@link MemoryRegion#remoteAddress()} reveals our own address
 * @param fileMappings whether every mapping of ordinary files can be registered, at no cost; a
 *     device where it depends says false, and {@link RegistrationProbe} finds out what it reaches
 * @param daxMappings the same of MAP_SYNC mappings of file-system DAX files
 */
public record RdmaCapabilities(
    long maxRegionBytes,
    int maxPrivateDataBytes,
    boolean flush,
    boolean addressesAreVirtual,
    boolean fileMappings,
    boolean daxMappings) {}
