/**
 * What outlives the server of its clients, and what comes of it after a restart: the store of
 * client records, and the grace period in which clients reclaim (RFC 8881 section 8.4).
 */
package io.selkie.server.recovery;
