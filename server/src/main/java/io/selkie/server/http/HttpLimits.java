package io.selkie.server.http;

/**
 * What callers may take.
 *
 * @param connectionsMax at a time
 * @param streamsMax of these that watch events
 * @param lineBytesMax of the request line
 * @param headerBytesMax of all headers of a request
 * @param bodyBytesMax of a request
 * @param requestMillis from when a request may come until it is there as a whole
 * @param stallMillis in which nothing of a list, or not the whole of another answer, is taken
 * @param listMillis from a list's first piece to its last
 * @param lists being made at a time; as many again may wait four times over; the same holds for
 *     those that ask a disk
 * @param changes under way at a time; as many again may wait
 */
record HttpLimits(
    int connectionsMax,
    int streamsMax,
    int lineBytesMax,
    int headerBytesMax,
    int bodyBytesMax,
    int requestMillis,
    int stallMillis,
    int listMillis,
    int lists,
    int changes) {

  static final HttpLimits DEFAULT =
      new HttpLimits(64, 16, 8192, 16_384, 65_536, 30_000, 30_000, 300_000, 2, 4);
}
