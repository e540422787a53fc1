/**
 * File attributes (RFC 8881 section 5): a table with one entry for each, and what it takes to read,
 * set and compare sets of them.
 */
package io.selkie.server.ops.attr;
