/**
 * The block layout type (RFC 5663): a part names places on the device that the file system lies on,
 * and clients who have that device too read and write them by themselves. Nobody can keep such a
 * client from the device; see {@link io.selkie.layout.block.BlockHandleState}. It knows nothing of
 * recall, conflicts or stateids.
 */
package io.selkie.layout.block;
