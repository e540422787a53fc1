package io.selkie.lease;

/**
 * What a probe of the kernel or a file system found.
 *
 * @param answer for programs
 * @param reason one clause: how it is known
 */
public record Probe(Answer answer, String reason) {

  /** Answers. */
  public enum Answer {
    /** It works here. */
    YES,
    /** It does not. */
    NO,
    /** It could not be found out. */
    UNKNOWN
  }

  static Probe yes(String reason) {
    return new Probe(Answer.YES, reason);
  }

  static Probe no(String reason) {
    return new Probe(Answer.NO, reason);
  }

  static Probe unknown(String reason) {
    return new Probe(Answer.UNKNOWN, reason);
  }

  /** Whether it surely works. */
  public boolean isYes() {
    return answer == Answer.YES;
  }

  /** Whether it surely does not. */
  public boolean isNo() {
    return answer == Answer.NO;
  }
}
