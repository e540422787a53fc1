/** The client library against the real server: real sockets, real kernel leases, real processes. */
package io.selkie.test.client;
