package io.selkie.server.rpc;

/**
 * There is no memory for so large a reply now: the request changed nothing and is to be answered
 * with "try again later". Thrown only where allowed by {@link RpcExchange#replyMayBeRefused};
 * without a stack trace, as it is no defect.
 */
public final class BuffersExhaustedException extends RuntimeException {

  BuffersExhaustedException() {
    super("the server's buffers are used up", null, false, false);
  }
}
