/** {@code selkie bench}: latencies, rates and allocations, against a bare TCP echo beside them. */
package io.selkie.test.bench;
