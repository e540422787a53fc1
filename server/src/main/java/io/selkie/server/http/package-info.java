/**
 * The server over HTTP: metrics, health, the administrators' interface as JSON, and a page that
 * shows it live. It has an event loop and threads of its own, so that nothing here is in the way of
 * the data.
 */
package io.selkie.server.http;
