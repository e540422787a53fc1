/** The commands {@code ls}, {@code cat}, {@code cp} and {@code put} of the program. */
package io.selkie.client.cli;
