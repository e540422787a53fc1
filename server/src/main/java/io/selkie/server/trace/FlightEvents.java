package io.selkie.server.trace;

import io.selkie.layout.LayoutEvents;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/**
 * Recalls, fences and slow operations as events of the JDK's flight recorder ({@code jcmd PID
 * JFR.start}); the registration of memory is told where it happens. Costs nothing while nobody
 * records. Safe for use by several threads.
 */
public final class FlightEvents implements LayoutEvents {

  private static final int REMEMBERED = 4096;

  /** From the break, or another cause, to the seal given up. */
  @Name("selkie.Recall")
  @Label("Recall")
  @Category("Selkie")
  @Description("From the cause of a recall to the release of the file's seal")
  @StackTrace(false)
  public static final class RecallFlight extends jdk.jfr.Event {
    @Label("Recall Id")
    long recallId;

    @Label("Path")
    String path;

    @Label("Cause")
    String cause;

    @Label("Taken")
    @Timespan(Timespan.NANOSECONDS)
    long taken;

    /** Filled in by the listener. */
    public RecallFlight() {}
  }

  /** A client was fenced. */
  @Name("selkie.Fence")
  @Label("Fence")
  @Category("Selkie")
  @Description("From the beginning of a client's fence to its dead handle")
  @StackTrace(false)
  public static final class FenceFlight extends jdk.jfr.Event {
    @Label("Recall Id")
    long recallId;

    @Label("Path")
    String path;

    @Label("Client")
    String client;

    @Label("Bytes")
    @DataAmount
    long bytes;

    @Label("Taken")
    @Timespan(Timespan.NANOSECONDS)
    long taken;

    /** Filled in by the listener. */
    public FenceFlight() {}
  }

  /** An operation took long. */
  @Name("selkie.SlowOperation")
  @Label("Slow Operation")
  @Category("Selkie")
  @Description("An NFS operation that took longer than log.slowOperationMillis")
  @StackTrace(false)
  public static final class SlowFlight extends jdk.jfr.Event {
    @Label("Operation")
    String operation;

    @Label("Client")
    String client;

    @Label("Taken")
    @Timespan(Timespan.NANOSECONDS)
    long taken;

    /** Filled in by the listener. */
    public SlowFlight() {}
  }

  private record Fence(long recallId, long clientId) {}

  private final Map<Long, Long> recalls = bounded();
  private final Map<Fence, Long> fences = bounded();

  /** Begins to listen. */
  public FlightEvents() {}

  private static <K> Map<K, Long> bounded() {
    return new LinkedHashMap<>() {
      @Override
      protected boolean removeEldestEntry(Map.Entry<K, Long> eldest) {
        return size() > REMEMBERED;
      }
    };
  }

  @Override
  public void on(LayoutEvents.Event event) {
    if (event.recallId() == 0) {
      return;
    }
    switch (event.step()) {
      case BREAK_SEEN, RECALL_SENT, DELEGATION_RECALLED -> {
        if (new RecallFlight().isEnabled()) {
          synchronized (this) {
            recalls.putIfAbsent(event.recallId(), event.atNanos());
          }
        }
      }
      case FENCE_BEGUN -> {
        if (new FenceFlight().isEnabled()) {
          synchronized (this) {
            fences.put(new Fence(event.recallId(), event.clientId()), event.atNanos());
          }
        }
      }
      case HANDLE_INVALIDATED -> fenced(event);
      case SEAL_RELEASED -> released(event);
      default -> {}
    }
  }

  private void fenced(LayoutEvents.Event event) {
    Long begun;
    synchronized (this) {
      begun = fences.remove(new Fence(event.recallId(), event.clientId()));
    }
    if (begun != null) {
      FenceFlight flight = new FenceFlight();
      flight.recallId = event.recallId();
      flight.path = event.path();
      flight.client = HexFormat.of().toHexDigits(event.clientId());
      flight.bytes = event.bytes();
      flight.taken = event.atNanos() - begun;
      flight.commit();
    }
  }

  private void released(LayoutEvents.Event event) {
    Long begun;
    synchronized (this) {
      begun = recalls.remove(event.recallId());
    }
    if (begun != null) {
      RecallFlight flight = new RecallFlight();
      flight.recallId = event.recallId();
      flight.path = event.path();
      flight.cause = String.valueOf(event.cause());
      flight.taken = event.atNanos() - begun;
      flight.commit();
    }
  }

  /** Tells of a slow operation. */
  static void slow(String operation, long clientId, long nanos) {
    SlowFlight flight = new SlowFlight();
    flight.operation = operation;
    flight.client = HexFormat.of().toHexDigits(clientId);
    flight.taken = nanos;
    flight.commit();
  }
}
