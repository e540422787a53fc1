/**
 * One-sided I/O: extents and their look-up, work requests in flight, and the memory they use.
 * Nothing here knows NFS; nothing here allocates per operation once warm.
 */
package io.selkie.client.direct;
