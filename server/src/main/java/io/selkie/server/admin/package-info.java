/**
 * What administrators see and do: queries and commands as typed values, and the Unix socket over
 * which {@code selkie ctl} asks for them. Nothing here holds a lock of the data side while it
 * writes to anybody.
 */
package io.selkie.server.admin;
