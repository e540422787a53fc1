/** {@code selkie seal}: a local command while the block maps of files stand still. */
package io.selkie.server.seal;
