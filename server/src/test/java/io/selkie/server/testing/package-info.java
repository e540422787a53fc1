/**
 * A raw NFSv4.1 client and its helpers, for tests that need to say on the wire exactly what they
 * mean, right or wrong.
 */
package io.selkie.server.testing;
