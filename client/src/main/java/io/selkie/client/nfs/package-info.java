/** The NFSv4.1 operations that the library uses, one method each: encode, call, decode. */
package io.selkie.client.nfs;
