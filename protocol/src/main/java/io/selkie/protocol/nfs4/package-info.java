/**
 * NFSv4.1 and 4.2 types and constants, spelled as RFC 8881, 5662, 7862 and 7863 spell them. {@link
 * io.selkie.protocol.nfs4.NfsOp4} knows which minor version defines which operation.
 */
package io.selkie.protocol.nfs4;
