package io.selkie.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutEvents;
import io.selkie.server.metrics.ServerMetrics;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * Tells whoever listens what happens to layouts, by Server-Sent Events. What happens within a tick
 * of {@value #TICK_MILLIS} ms is one message, of which at most {@value #STEPS_MAX} steps are told
 * and the rest is counted. Who has not read what was sent before is passed over, and cut off after
 * {@value #MISSED_MAX} messages. When nobody listens an event costs one look at a number.
 *
 * <pre>
 *   data: {"steps":[{"recall":7,"step":"recall_sent","client":"…","file":"8:1:12"}],"left":0}
 * </pre>
 */
final class LiveEvents implements LayoutEvents, AutoCloseable {

  static final int TICK_MILLIS = 200;
  static final int STEPS_MAX = 100;
  static final int MISSED_MAX = 50;

  /** So that both ends see that the other one is gone. */
  private static final int BEAT_SECONDS = 15;

  private static final byte[] BEAT = ": still here\n\n".getBytes(UTF_8);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HexFormat HEX = HexFormat.of();

  private final ServerMetrics metrics;
  private final Timers timers;
  private final int streamsMax;
  private final Set<Stream> streams = ConcurrentHashMap.newKeySet();
  private final Object lock = new Object();

  /** Guarded by the lock. */
  private List<Step> steps = new ArrayList<>();

  /** Guarded by the lock. */
  private long left;

  /** Guarded by the lock. */
  private boolean ticking;

  private volatile boolean closed;

  private record Step(long recall, String step, String client, String file) {}

  /** Somebody who listens. */
  private static final class Stream {
    private final Channel channel;

    /** Used by the timers' thread only. */
    private int missed;

    Stream(Channel channel) {
      this.channel = channel;
    }
  }

  LiveEvents(ServerMetrics metrics, Timers timers, int streamsMax) {
    this.metrics = metrics;
    this.timers = timers;
    this.streamsMax = streamsMax;
    metrics.addListener(this);
    beat();
  }

  /** Begins to tell; on the event loop, so that there are never more streams than may be. */
  void follow(HttpAnswer answer) {
    if (streams.size() >= streamsMax) {
      answer.refuse(
          new Refusal(
              HttpResponseStatus.SERVICE_UNAVAILABLE,
              "refused",
              streamsMax + " listen already; try again"));
      return;
    }
    Channel channel = answer.channel();
    Stream stream = new Stream(channel);
    streams.add(stream);
    channel.closeFuture().addListener(_ -> streams.remove(stream));
    answer.begin("text/event-stream");
    send(channel, BEAT);
    // Nothing more is to come, but the end is noticed.
    channel.config().setAutoRead(true);
  }

  private static void send(Channel channel, byte[] message) {
    channel.writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(message)));
  }

  @Override
  public void on(Event event) {
    if (streams.isEmpty()) {
      return;
    }
    synchronized (lock) {
      if (steps.size() < STEPS_MAX) {
        steps.add(
            new Step(
                event.recallId(),
                event.step().name().toLowerCase(Locale.ROOT),
                event.clientId() == 0 ? null : HEX.toHexDigits(event.clientId()),
                event.file().text()));
      } else {
        left++;
      }
      if (ticking) {
        return;
      }
      ticking = true;
    }
    timers.schedule(TimeUnit.MILLISECONDS.toNanos(TICK_MILLIS), this::tick);
  }

  private void tick() {
    List<Step> told;
    long untold;
    synchronized (lock) {
      told = steps;
      untold = left;
      steps = new ArrayList<>();
      left = 0;
      ticking = false;
    }
    tell(message(told, untold));
  }

  private static byte[] message(List<Step> told, long untold) {
    try {
      return ("data: " + JSON.writeValueAsString(Map.of("steps", told, "left", untold)) + "\n\n")
          .getBytes(UTF_8);
    } catch (JsonProcessingException e) {
      throw new AssertionError("records of texts", e);
    }
  }

  private void tell(byte[] message) {
    for (Stream stream : streams) {
      if (stream.channel.isWritable()) {
        stream.missed = 0;
        send(stream.channel, message);
      } else if (++stream.missed > MISSED_MAX) {
        stream.channel.close();
      }
    }
  }

  private void beat() {
    timers.schedule(
        TimeUnit.SECONDS.toNanos(BEAT_SECONDS),
        () -> {
          if (!closed) {
            tell(BEAT);
            beat();
          }
        });
  }

  /** Cuts off whoever listens. */
  void endStreams() {
    streams.forEach(stream -> stream.channel.close());
  }

  @Override
  public void close() {
    closed = true;
    metrics.removeListener(this);
  }
}
