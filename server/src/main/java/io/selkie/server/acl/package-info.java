/**
 * Access control lists: those of NFSv4 (RFC 8881 section 6), those of POSIX as Linux keeps them,
 * and the way from one to the other.
 */
package io.selkie.server.acl;
