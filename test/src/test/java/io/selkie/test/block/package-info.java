/** Block layouts: runs in a guest whose persistent memory a second guest has too. */
package io.selkie.test.block;
