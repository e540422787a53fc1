/**
 * The commands {@code ls}, {@code cat}, {@code cp} and {@code put} of the program. They use the
 * library as anybody else would; a file that is written appears under its name only when it is
 * complete and durable.
 */
package io.selkie.client.cli;
