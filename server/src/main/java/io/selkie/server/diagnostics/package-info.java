/**
 * What {@code selkie bench} compares with and reads: a bare TCP echo in the server's own process,
 * and the server's counters. Off unless an address is configured.
 */
package io.selkie.server.diagnostics;
