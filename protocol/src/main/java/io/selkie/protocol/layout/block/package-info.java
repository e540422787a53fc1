/**
 * The pNFS block and SCSI layouts on the wire (RFC 5663, RFC 8154): device addresses, layouts and
 * layout updates. The two share extents and the volumes that are made of other volumes.
 */
package io.selkie.protocol.layout.block;
