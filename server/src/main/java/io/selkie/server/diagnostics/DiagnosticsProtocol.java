package io.selkie.server.diagnostics;

/**
 * What goes over a diagnostics connection, all big-endian. The client begins with a header:
 *
 * <pre>
 *    0              4              8              12             16
 *   +--------------+--------------+--------------+--------------+
 *   | 'S' 'L' 'K' 'D' | command   | request bytes| reply bytes  |
 *   +--------------+--------------+--------------+--------------+
 * </pre>
 *
 * <p>After {@link #ECHO} the server reads so many request bytes, writes so many reply bytes, and so
 * on to the end of the connection. After {@link #STATS} (both sizes 0) it answers a length in four
 * bytes and so many bytes of JSON, and waits for the next header.
 */
public final class DiagnosticsProtocol {

  /** The first four bytes of a header. */
  public static final int MAGIC = 'S' << 24 | 'L' << 16 | 'K' << 8 | 'D';

  /** Bytes of a header. */
  public static final int HEADER_BYTES = 16;

  /** Request, reply, request, reply. */
  public static final int ECHO = 1;

  /** One report of the server's counters. */
  public static final int STATS = 2;

  /**
   * From now on events are kept, and operations are timed to find slow ones, if the reply size is
   * 1; not so if it is 0. Answered with four bytes of zero. To measure what that costs.
   */
  public static final int EVENTS = 3;

  /** Largest request or reply of an echo. */
  public static final int MESSAGE_BYTES_MAX = 16 << 20;

  private DiagnosticsProtocol() {}
}
