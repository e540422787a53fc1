/**
 * NFSv4.1 from the client's side: RPC over TCP, sessions with exactly-once retry, the back channel,
 * recovery. Calls block their thread; what a reply holds is decoded by the thread that asked.
 */
package io.selkie.client.session;
