/**
 * Tests of the benchmark's own arithmetic: medians and ratios, which nobody could check by looking
 * at a report.
 */
package io.selkie.test.bench;
