/**
 * What the server counts: every name in one table, one prefix, and the recent events of layouts for
 * timelines. Kept by Dropwizard Metrics, ready for an exporter.
 */
package io.selkie.server.metrics;
