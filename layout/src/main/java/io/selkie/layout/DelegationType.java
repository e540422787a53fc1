package io.selkie.layout;

/** What is delegated of a file (RFC 8881 section 10.4). */
public enum DelegationType {
  /** Nobody else writes; several clients may have one. */
  READ,
  /** Nobody else reads or writes; one client has it. */
  WRITE
}
