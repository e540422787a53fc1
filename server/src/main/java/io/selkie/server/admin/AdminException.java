package io.selkie.server.admin;

import java.util.List;

/** A question or a command of an administrator that cannot be answered or done, and why. */
public final class AdminException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Classes of failure; their names in lower case go over the wire and stay as they are. */
  public enum Code {
    /** The request is not one: unknown words, malformed values. */
    BAD_REQUEST,
    /** Whoever asks may not. */
    FORBIDDEN,
    /** There is no such client, export, file. */
    NOT_FOUND,
    /** It cannot be done as things are. */
    REFUSED,
    /** It was tried and failed. */
    FAILED
  }

  private final Code code;
  private final transient List<String> details;

  /** Takes a message for people: what is wrong, and what to do. */
  public AdminException(Code code, String message) {
    this(code, message, List.of());
  }

  /** The same with several lines of detail. */
  public AdminException(Code code, String message, List<String> details) {
    super(message);
    this.code = code;
    this.details = List.copyOf(details);
  }

  /** What kind of failure it is. */
  public Code code() {
    return code;
  }

  /** More lines, such as each mistake of a file. */
  public List<String> details() {
    return details;
  }
}
