/**
 * {@code selkie demo}: the whole path on one machine, each step checked. The server runs in a
 * process of its own, and so does whoever truncates; the exit status is 0 only if all steps held.
 */
package io.selkie.test.demo;
