/**
 * {@code selkie bench}: latencies, rates and allocations, against a bare TCP echo in the same pair
 * of processes. Ratios are made within a round, so that what else the machine does hits both.
 */
package io.selkie.test.bench;
