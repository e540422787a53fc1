/** The benchmark's own parts. */
package io.selkie.test.bench;
