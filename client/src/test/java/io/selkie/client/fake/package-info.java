/**
 * A small NFSv4.1 server over a real socket, with RDMA layouts on real iWARP regions, whose every
 * answer a test can change. It knows one client at a time and keeps files in memory.
 */
package io.selkie.client.fake;
