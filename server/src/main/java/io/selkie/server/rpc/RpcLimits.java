package io.selkie.server.rpc;

import io.netty.util.internal.PlatformDependent;
import java.time.Duration;

/**
 * What one peer may take from the server. All of it is enforced by the transport, before any
 * request is looked at.
 *
 * @param requestBytesMax the largest record accepted; a longer one closes the connection
 * @param replyBytesMax the largest record sent
 * @param inFlightMax how many requests of one connection may be under way; more are left in the
 *     socket until one is answered
 * @param callsMax how many calls to the peer may be outstanding on one connection
 * @param outboundBytesHigh from so many unsent bytes on, nothing more is read from the connection
 * @param bufferBytesMax what the buffers of all connections together may take: requests that come
 *     in or are under way, replies not yet taken; see {@link MemoryBudget}
 * @param connectionsMax how many connections there may be; more are closed as they come
 * @param handshakeTimeout by when the first whole call must have come
 * @param unneededTimeout how long a connection that serves no session may go without a call
 * @param recordTimeout by when a record once begun must be complete
 * @param sendTimeout how long the peer may leave replies unread before the connection is closed
 * @param deadPeerTimeout after so long without a sign of life from the peer's kernel the connection
 *     is closed (TCP_USER_TIMEOUT and keep-alive)
 */
public record RpcLimits(
    int requestBytesMax,
    int replyBytesMax,
    int inFlightMax,
    int callsMax,
    int outboundBytesHigh,
    long bufferBytesMax,
    int connectionsMax,
    Duration handshakeTimeout,
    Duration unneededTimeout,
    Duration recordTimeout,
    Duration sendTimeout,
    Duration deadPeerTimeout) {

  /** What a request or reply needs besides a payload of the largest READ or WRITE, in bytes. */
  public static final int OVERHEAD_BYTES = 8192;

  /** Limits for payloads of up to 1 MiB. */
  public static final RpcLimits DEFAULT =
      new RpcLimits(
          (1 << 20) + OVERHEAD_BYTES,
          (1 << 20) + OVERHEAD_BYTES,
          64,
          64,
          4 << 20,
          bufferBytes((1 << 20) + OVERHEAD_BYTES, (1 << 20) + OVERHEAD_BYTES),
          4096,
          Duration.ofSeconds(30),
          Duration.ofSeconds(300),
          Duration.ofSeconds(30),
          Duration.ofSeconds(30),
          Duration.ofSeconds(60));

  /** Checks the bounds. */
  public RpcLimits {
    positive("requestBytesMax", requestBytesMax - OVERHEAD_BYTES);
    positive("replyBytesMax", replyBytesMax - OVERHEAD_BYTES);
    positive("inFlightMax", inFlightMax);
    positive("callsMax", callsMax);
    positive("outboundBytesHigh", outboundBytesHigh);
    positive("bufferBytesMax", bufferBytesMax - bufferBytesMin(requestBytesMax, replyBytesMax) + 1);
    positive("connectionsMax", connectionsMax);
    positive("handshakeTimeout", handshakeTimeout.toMillis());
    positive("unneededTimeout", unneededTimeout.toMillis());
    positive("recordTimeout", recordTimeout.toMillis());
    positive("sendTimeout", sendTimeout.toMillis());
    positive("deadPeerTimeout", deadPeerTimeout.toMillis());
  }

  /** With less a single connection could be stuck in the middle of a request. */
  private static long bufferBytesMin(long requestBytesMax, long replyBytesMax) {
    return 2 * (requestBytesMax + replyBytesMax);
  }

  /** Half of the direct memory that the JVM allows; the other half is for one-sided access. */
  public static long bufferBytes(int requestBytesMax, int replyBytesMax) {
    return Math.max(
        bufferBytesMin(requestBytesMax, replyBytesMax), PlatformDependent.maxDirectMemory() / 2);
  }

  private static void positive(String name, long value) {
    if (value <= 0) {
      throw new IllegalArgumentException(name + " is too small");
    }
  }
}
