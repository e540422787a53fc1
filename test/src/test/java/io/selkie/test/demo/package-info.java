/**
 * Tests of the demonstration's own parts: what it prints must say what happened. That the whole of
 * it works is seen by running it.
 */
package io.selkie.test.demo;
