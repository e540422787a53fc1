/**
 * ONC RPC version 2 (RFC 5531): message headers, both directions, record marking, and AUTH_SYS
 * credentials. Objects are made to be used again for the next message.
 */
package io.selkie.protocol.rpc;
