/**
 * ONC RPC over TCP on Netty: records, connections, calls in both directions, and the limits that
 * keep a peer from taking more than its share.
 */
package io.selkie.server.rpc;
