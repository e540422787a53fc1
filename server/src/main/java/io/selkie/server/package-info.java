/**
 * The server itself: transports, sessions, open and lock state, the passthrough file system,
 * callbacks, the admin interface, metrics and the program's entry point.
 */
package io.selkie.server;
