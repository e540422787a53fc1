/** {@code selkie ctl}: a running server as its administrators have it in hand. */
package io.selkie.server.ctl;
