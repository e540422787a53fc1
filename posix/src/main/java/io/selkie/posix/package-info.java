/**
 * Every call into the kernel, bound once, behind one interface whose n-th call a test can make
 * fail. No other module talks to the kernel by itself.
 */
package io.selkie.posix;
