/**
 * What happened, so that it can be found out afterwards: the ring of recent events, log lines of
 * recalls, events of the JDK's flight recorder, dumps.
 */
package io.selkie.server.trace;
