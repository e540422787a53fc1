/**
 * The NFSv4.1 operations that the library uses, one method each: encode, call, decode. They block
 * their thread; what they say of lost data and lost state, the layers above act on.
 */
package io.selkie.client.nfs;
