package io.selkie.test.demo;

import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.RecallBehaviour;
import io.selkie.client.SelkieClient;
import io.selkie.layout.LayoutEvents;
import io.selkie.layout.LayoutEvents.Event;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.test.demo.Moment.Lane;
import io.selkie.test.support.OtherProcess;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A client that holds a layout of a file, and another process that truncates the file under it;
 * everything that happens then, from all sides, on one clock.
 */
final class Conflict implements AutoCloseable {

  static final int FILE_BYTES = 1 << 20;
  static final int LEFT_BYTES = 4096;
  static final byte FILLING = 'd';

  private static final int TIMEOUT_SECONDS = 30;

  private final Demo demo;
  private final String name;
  private final ConcurrentLinkedQueue<Event> events = new ConcurrentLinkedQueue<>();
  private final ConcurrentLinkedQueue<Long> recallsReceived = new ConcurrentLinkedQueue<>();
  private final SelkieClient client;
  private final DirectFile file;
  private OtherProcess.Outcome outcome;

  /** Makes the file and takes its layout. */
  Conflict(Demo demo, String name, RecallBehaviour behaviour) throws IOException {
    this.demo = demo;
    this.name = name;
    this.client =
        demo.connect(
            ClientOptions.defaults()
                .withRecallBehaviour(recall -> {
                  recallsReceived.add(demo.clock().nanoTime());
                  return behaviour.onRecall(recall);
                }));
    this.file =
        client.open(demo.path(name), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    file.setSize(FILE_BYTES);
    try (Arena arena = Arena.ofConfined()) {
      file.write(arena.allocate(FILE_BYTES).fill(FILLING), 0);
    }
    file.sync();
  }

  SelkieClient client() {
    return client;
  }

  DirectFile file() {
    return file;
  }

  /** Lets the other process truncate the file, and waits until it has. */
  OtherProcess.Outcome truncate() throws IOException, InterruptedException {
    // The other process may end before the server has told of its own last step.
    CountDownLatch released = new CountDownLatch(1);
    LayoutEvents listener =
        event -> {
          events.add(event);
          if (event.step() == Step.SEAL_RELEASED) {
            released.countDown();
          }
        };
    demo.server().metrics().addListener(listener);
    try {
      outcome =
          OtherProcess.truncate(demo.clock(), demo.onDisk(name), LEFT_BYTES)
              .outcome()
              .get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
      if (!released.await(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException("truncate is done, but the server's seal is not given up");
      }
    } catch (ExecutionException | TimeoutException e) {
      throw new IOException("truncate does not end", e);
    } finally {
      demo.server().metrics().removeListener(listener);
    }
    return outcome;
  }

  /** When the break was seen; everything is told relative to it. */
  long originNanos() {
    return events.stream()
        .filter(event -> event.step() == Step.BREAK_SEEN)
        .mapToLong(Event::atNanos)
        .findFirst()
        .orElse(outcome.startedNanos());
  }

  /** What happened between the start and the end of the other process, and shortly after. */
  List<Moment> moments() {
    List<Moment> moments = new ArrayList<>();
    moments.add(
        new Moment(
            outcome.startedNanos(),
            "truncate_started",
            Lane.OTHER,
            Lane.OTHER,
            "truncate is started, process " + outcome.pid()));
    for (Event event : events) {
      Moment moment = moment(event);
      if (moment != null) {
        moments.add(moment);
      }
    }
    for (long at : recallsReceived) {
      moments.add(new Moment(at, "recall_received", Lane.CLIENT, Lane.CLIENT, "recall received"));
    }
    moments.add(
        new Moment(
            outcome.endedNanos(),
            "truncate_done",
            Lane.OTHER,
            Lane.OTHER,
            "truncate done, its end seen"));
    return moments;
  }

  private static Moment moment(Event event) {
    long at = event.atNanos();
    return switch (event.step()) {
      case BREAK_SEEN -> new Moment(at, "break_seen", Lane.OTHER, Lane.SERVER, "lease break seen");
      case RECALL_SENT ->
          new Moment(at, "recall_sent", Lane.SERVER, Lane.CLIENT, "CB_LAYOUTRECALL sent");
      case RECALL_ANSWERED ->
          new Moment(at, "recall_answered", Lane.CLIENT, Lane.SERVER, "recall answered");
      case LAYOUT_RETURNED ->
          new Moment(at, "layout_returned", Lane.CLIENT, Lane.SERVER, "layout returned");
      case FENCE_BEGUN ->
          new Moment(at, "fence_begun", Lane.SERVER, Lane.SERVER, "deadline: fencing begins");
      case HANDLE_INVALIDATED ->
          new Moment(at, "handle_invalidated", Lane.SERVER, Lane.SERVER, "handle invalidated");
      case SEAL_RELEASED ->
          new Moment(at, "seal_released", Lane.SERVER, Lane.OTHER, "seal given up");
      case SEALED,
          REGISTERED,
          GRANTED,
          AUDIT_DIFFERENCE,
          INVALIDATION_FAILED,
          REFUSED,
          DELEGATED,
          DELEGATION_RECALLED,
          DELEGATION_RETURNED,
          DELEGATION_REVOKED ->
          null;
    };
  }

  /** Reads bytes through the client's file. */
  byte[] read(int length) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(length);
      long read = file.read(memory, 0);
      return memory.asSlice(0, Math.max(0, read)).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  @Override
  public void close() throws IOException {
    client.close();
  }
}
