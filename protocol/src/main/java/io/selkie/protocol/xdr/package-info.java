/**
 * XDR (RFC 4506) read and written in place, value by value, over plain byte buffers: no object
 * graph, no allocation on the way, every length checked against what is there and what is allowed.
 */
package io.selkie.protocol.xdr;
