package io.selkie.layout;

/**
 * The recall that is why a file's seal goes.
 *
 * @param id 0 when it is none
 * @param cause null when it is none
 */
record LastRecall(long id, RecallCause cause) {

  static final LastRecall NONE = new LastRecall(0, null);
}
