package io.selkie.protocol.xdr;

/**
 * A value that is not valid XDR, or that does not fit. Bad input is an everyday event on a socket,
 * so there is exactly one instance per {@link Kind}, made when the class loads: no stack trace, no
 * cause, no suppressed exceptions, nothing allocated when it is thrown.
 */
public final class XdrException extends RuntimeException {

  /** What was wrong with the value. */
  public enum Kind {
    /** Fewer bytes are left than the value needs. */
    TRUNCATED("value reaches past the end of the message"),
    /** A length or count is larger than the bound the protocol (or the caller) sets. */
    OVER_BOUND("length or count above its bound"),
    /** A boolean that is neither 0 nor 1. */
    BAD_BOOL("boolean is neither 0 nor 1"),
    /** An enumeration or union discriminant that the protocol does not define. */
    BAD_ENUM("undefined value of an enumeration"),
    /** A string that is not well-formed UTF-8. */
    BAD_UTF8("string is not well-formed UTF-8"),
    /** The writer has reached its limit: the message would become too big. */
    NO_SPACE("message would exceed its size limit");

    @SuppressWarnings("Immutable") // Final, stackless, and closed to suppressed exceptions.
    private final XdrException instance;

    Kind(String text) {
      this.instance = new XdrException(this, text);
    }

    /** Returns the one exception of this kind, to be thrown. */
    public XdrException exception() {
      return instance;
    }
  }

  private final Kind kind;

  private XdrException(Kind kind, String text) {
    super(text, null, false, false);
    this.kind = kind;
  }

  /** Returns what was wrong. */
  public Kind kind() {
    return kind;
  }
}
