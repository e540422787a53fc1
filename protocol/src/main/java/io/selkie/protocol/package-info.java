/**
 * XDR, ONC RPC and NFSv4.x types and codecs over plain buffers, shared by server and client. Names
 * are spelled as in the RFCs, so that a search finds them.
 */
package io.selkie.protocol;
