package io.selkie.test.drill;

/** How a layout is given back. */
enum ReturnManner {
  /** Writers end first, what was written is committed, all of it goes back. */
  HONEST,
  /** The same with the first half of the range that was asked for. */
  FIRST_HALF,
  /** All of it goes back while writers go on. */
  WHILE_WRITING,
  /** A range behind all that was granted goes back. */
  NOT_HELD
}
