/** ONC RPC version 2 (RFC 5531): message headers, both directions, and record marking. */
package io.selkie.protocol.rpc;
