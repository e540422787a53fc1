/** The demonstration's own parts. */
package io.selkie.test.demo;
