/**
 * Who outlives the server, and what is kept there: leases of files whose layouts name the storage,
 * which clients can reach when the server is dead (S5).
 */
package io.selkie.server.keeper;
