package io.selkie.server.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.selkie.config.time.Timers;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection: a request, its answer, the next request. Nothing is read while an answer is being
 * made, and a request has to be there as a whole within a bound from when it may come, however
 * slowly it drips in. Used by the event loop only.
 */
final class HttpConnection extends SimpleChannelInboundHandler<FullHttpRequest> {

  private static final Logger LOG = LoggerFactory.getLogger(HttpConnection.class);

  private final HttpRoutes routes;
  private final HttpLimits limits;
  private final Timers timers;
  private Timers.Timer deadline = () -> false;

  HttpConnection(HttpRoutes routes, HttpLimits limits, Timers timers) {
    this.routes = routes;
    this.limits = limits;
    this.timers = timers;
  }

  @Override
  public void channelActive(ChannelHandlerContext context) {
    next(context);
  }

  /** The next request may come. */
  private void next(ChannelHandlerContext context) {
    if (context.channel().isActive()) {
      deadline =
          timers.schedule(
              TimeUnit.MILLISECONDS.toNanos(limits.requestMillis()), () -> context.close());
      context.channel().config().setAutoRead(true);
    }
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    context.channel().config().setAutoRead(false);
    if (!deadline.cancel()) {
      // It is closed, or about to be.
      return;
    }
    HttpAnswer answer =
        new HttpAnswer(
            context, limits, timers, () -> context.executor().execute(() -> next(context)));
    DecoderResult decoded = request.decoderResult();
    if (decoded.isFailure()) {
      answer.refuseAndClose(malformed(decoded.cause()));
      return;
    }
    routes.serve(request, answer);
  }

  private static Refusal malformed(Throwable cause) {
    if (cause instanceof TooLongHttpLineException) {
      return new Refusal(
          HttpResponseStatus.REQUEST_URI_TOO_LONG, "bad_request", "the request line is too long");
    }
    if (cause instanceof TooLongHttpHeaderException) {
      return new Refusal(
          HttpResponseStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
          "bad_request",
          "the headers are too long");
    }
    return Refusal.bad("this is no HTTP/1.1 request");
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    deadline.cancel();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    if (cause instanceof IOException || cause instanceof io.netty.handler.codec.CodecException) {
      LOG.debug("HTTP connection of {} failed", context.channel().remoteAddress(), cause);
    } else {
      LOG.error("HTTP connection of {} failed", context.channel().remoteAddress(), cause);
    }
    context.close();
  }
}
