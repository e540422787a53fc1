package io.selkie.client;

/**
 * An entry of a directory.
 *
 * @param name one component, never {@code .} or {@code ..}
 * @param status its attributes, as far as the server sent them with the listing
 */
public record DirectoryEntry(String name, FileStatus status) {}
