/**
 * Who may do what: clients and their addresses, users and the names they go by, and as whom an
 * operation enters the file system.
 */
package io.selkie.server.identity;
