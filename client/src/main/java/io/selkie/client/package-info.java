/**
 * The direct-access client library and its commands. It shares the protocol with the server and
 * nothing of the server's own code.
 */
package io.selkie.client;
