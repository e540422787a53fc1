/**
 * The wire, judged by things that this project did not write or that do not share its codecs:
 * tshark, and protocol messages put together by hand.
 */
package io.selkie.test.wire;
