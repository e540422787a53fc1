package io.selkie.layout;

/** What the thread is good for on which something is to be done. */
enum OnThread {
  /** A request's own: it may wait for what the request is about, its file's disk too. */
  OF_REQUEST,

  /** The server's, which others wait for as well: it may block, but not for one file's disk. */
  OF_SERVER,

  /** A timer's, a signal's, a connection's: it may not block. */
  OF_EVENT;

  boolean mayBlock() {
    return this != OF_EVENT;
  }

  boolean mayClose() {
    return this == OF_REQUEST;
  }
}
