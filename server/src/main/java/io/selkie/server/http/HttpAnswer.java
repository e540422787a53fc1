package io.selkie.server.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.selkie.config.time.Timers;
import io.selkie.server.admin.Addresses;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The answer to one request, as a whole or in pieces. Used by one thread at a time, which may be
 * the event loop, but for {@link #piece}, which waits for a slow reader.
 */
final class HttpAnswer {

  static final String JSON_TYPE = "application/json";

  /** Pieces that may be on their way before the next one waits. */
  private static final int PIECES_AHEAD = 16;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final ChannelHandlerContext context;
  private final HttpLimits limits;
  private final Timers timers;
  private final Runnable over;
  private final ArrayDeque<ChannelFuture> ahead = new ArrayDeque<>(PIECES_AHEAD);
  private Timers.Timer listDeadline = () -> false;

  /**
   * Of a connection.
   *
   * @param over run when all of it is written
   */
  HttpAnswer(ChannelHandlerContext context, HttpLimits limits, Timers timers, Runnable over) {
    this.context = context;
    this.limits = limits;
    this.timers = timers;
    this.over = over;
  }

  /** Who asks, for logs. */
  String who() {
    return context.channel().remoteAddress() instanceof InetSocketAddress address
        ? "HTTP " + Addresses.text(address)
        : "HTTP";
  }

  Channel channel() {
    return context.channel();
  }

  void refuse(Refusal refusal) {
    DefaultFullHttpResponse response = json(refusal.status(), Map.of("error", refusal));
    if (refusal.status().equals(HttpResponseStatus.UNAUTHORIZED)) {
      response.headers().set(HttpHeaderNames.WWW_AUTHENTICATE, "Bearer");
    }
    if (refusal.status().equals(HttpResponseStatus.SERVICE_UNAVAILABLE)) {
      response.headers().set(HttpHeaderNames.RETRY_AFTER, "1");
    }
    send(response);
  }

  /** The same, and no other request after it. */
  void refuseAndClose(Refusal refusal) {
    DefaultFullHttpResponse response = json(refusal.status(), Map.of("error", refusal));
    response.headers().set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    Timers.Timer stall = closeIn(limits.stallMillis());
    context
        .writeAndFlush(response)
        .addListener(_ -> stall.cancel())
        .addListener(ChannelFutureListener.CLOSE);
  }

  private static DefaultFullHttpResponse json(HttpResponseStatus status, Object value) {
    try {
      return full(status, JSON_TYPE, JSON.writeValueAsBytes(value));
    } catch (JsonProcessingException e) {
      throw new AssertionError("a record of texts", e);
    }
  }

  private static DefaultFullHttpResponse full(HttpResponseStatus status, String type, byte[] body) {
    DefaultFullHttpResponse response =
        new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, Unpooled.wrappedBuffer(body));
    headers(response.headers(), type);
    HttpUtil.setContentLength(response, body.length);
    return response;
  }

  private static void headers(HttpHeaders headers, String type) {
    headers.set(HttpHeaderNames.CONTENT_TYPE, type);
    headers.set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE);
    headers.set("x-content-type-options", "nosniff");
  }

  /** A value as JSON. */
  void json(Object value) {
    send(json(HttpResponseStatus.OK, value));
  }

  /** Bytes as they are. */
  void bytes(HttpResponseStatus status, String type, byte[] body, Map<String, String> more) {
    DefaultFullHttpResponse response = full(status, type, body);
    more.forEach((name, value) -> response.headers().set(name, value));
    send(response);
  }

  /** Nothing else ends a connection whose reader takes nothing: it reads no more meanwhile. */
  private void send(HttpResponse response) {
    Timers.Timer stall = closeIn(limits.stallMillis());
    context
        .writeAndFlush(response)
        .addListener(written -> {
          stall.cancel();
          if (written.isSuccess()) {
            over.run();
          } else {
            context.close();
          }
        });
  }

  private Timers.Timer closeIn(long millis) {
    return timers.schedule(TimeUnit.MILLISECONDS.toNanos(millis), () -> context.close());
  }

  // ---------------------------------------------------------------- in pieces

  /** An answer whose length nobody knows yet. */
  void begin(String type) {
    DefaultHttpResponse response =
        new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    headers(response.headers(), type);
    HttpUtil.setTransferEncodingChunked(response, true);
    context.write(response);
  }

  /** The same, which has to be taken within a bound as a whole: somebody waits while it is not. */
  void beginList() {
    listDeadline = closeIn(limits.listMillis());
    begin(JSON_TYPE);
  }

  /**
   * Sends a piece, which is released; waits while too much is on its way.
   *
   * @throws IOException when the reader is gone or takes nothing; the connection is closed then
   */
  void piece(ByteBuf piece) throws IOException, InterruptedException {
    ahead.add(context.writeAndFlush(new DefaultHttpContent(piece)));
    if (ahead.size() >= PIECES_AHEAD) {
      await(ahead.poll());
    }
  }

  private void await(ChannelFuture write) throws IOException, InterruptedException {
    if (!write.await(limits.stallMillis())) {
      context.close();
      throw new IOException("nothing was read for " + limits.stallMillis() + " ms");
    }
    if (!write.isSuccess()) {
      throw new IOException("the reader is gone", write.cause());
    }
  }

  /** The last piece has gone. */
  void end() throws IOException, InterruptedException {
    ChannelFuture last = context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
    await(last);
    listDeadline.cancel();
    over.run();
  }

  /** Ends the connection in the midst of an answer, so that nobody takes it for a whole one. */
  void abort() {
    listDeadline.cancel();
    context.close();
  }
}
