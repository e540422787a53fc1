/** {@code selkie demo}: the whole path on one machine, each step checked. */
package io.selkie.test.demo;
