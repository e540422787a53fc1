/**
 * The server itself: {@link io.selkie.server.SelkieServer} puts transports, sessions, opens, the
 * passthrough file system, layouts and metrics together, in the order of their dependence, and
 * takes them apart in the reverse one. {@link io.selkie.server.Main} is the program's entry point;
 * commands of other modules are found by the service loader.
 */
package io.selkie.server;
