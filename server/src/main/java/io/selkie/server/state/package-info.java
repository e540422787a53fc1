/**
 * Which client has which file open, for what, and what nobody else may do meanwhile: opens and
 * their share reservations, and byte-range locks (RFC 8881 sections 8 and 9). Layouts are the
 * arbiter's.
 */
package io.selkie.server.state;
