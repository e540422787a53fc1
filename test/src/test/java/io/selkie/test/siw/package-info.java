/** Selkie's own iWARP against that of the Linux kernel. */
package io.selkie.test.siw;
