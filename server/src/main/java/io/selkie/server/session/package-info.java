/**
 * Client IDs, sessions, their slots and reply caches, leases, and the back channel (RFC 8881
 * sections 2.10, 8.3, 18.33 to 18.38, 18.46 to 18.51 and 20).
 */
package io.selkie.server.session;
