package io.selkie.test.drill;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.client.session.Deadline;
import io.selkie.config.time.NanoClock;
import io.selkie.server.admin.AdminException;
import io.selkie.test.support.ScratchDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

/** Plays scenarios, one after the other. For one thread. */
final class Drill {

  private static final String PREFIX = "selkie-drill-";
  private static final byte FILLING = '.';
  private static final int FINAL_READ_SECONDS = 60;
  private static final int CONNECT_SECONDS = 60;

  /** How long after the steps the end of a broken seal is waited for. */
  private static final int RELEASES_MILLIS = 60_000;

  /** Calls of steps may go on so much longer than the scenario, which does not wait for them. */
  private static final int CALLS_LONGER_MILLIS = 2 * 60 * 1000;

  private final NanoClock clock;
  private final InstantSource wall;
  private final long seed;
  private final Path scratchParent;
  private final AtomicInteger numbers = new AtomicInteger();

  /**
   * A player.
   *
   * @param seed of all that is random
   * @param scratchParent where sources of local writes go
   */
  Drill(NanoClock clock, InstantSource wall, long seed, Path scratchParent) {
    this.clock = clock;
    this.wall = wall;
    this.seed = seed;
    this.scratchParent = scratchParent;
  }

  /**
   * Plays one and judges it.
   *
   * @throws IOException when it could not begin, or its traces not be removed
   */
  Outcome play(Scenario scenario, Target target) throws IOException, InterruptedException {
    JsonNode status = status(target);
    String label = PREFIX + ProcessHandle.current().pid() + "-" + numbers.incrementAndGet();
    Journal journal = new Journal(clock);
    try (ScratchDirectory scratch = ScratchDirectory.in(scratchParent, PREFIX);
        ScratchDirectory files = ScratchDirectory.in(target.directory(), label + "-")) {
      Stage stage =
          new Stage(
              target,
              clock,
              wall,
              journal,
              Deadline.in(clock, scenario.head().limitMillis() + CALLS_LONGER_MILLIS),
              files.path().getFileName().toString(),
              seed,
              status.path("recallTimeoutMillis").asLong(),
              files.path().getFileName().toString(),
              scratch.path());
      prepare(scenario, stage, files.path());
      try (EventLog events =
          Bounded.ask(
              "events",
              () ->
                  EventLog.begin(
                      clock,
                      wall,
                      target.socket(),
                      event -> event.path().isEmpty() || isOf(stage, event),
                      EventLog.EVENTS_MAX,
                      told(stage)))) {
        stage.listenTo(events);
        long started = clock.nanoTime();
        Optional<String> failure = run(scenario, stage);
        long ended = clock.nanoTime();
        // What still runs would change files while they are looked at.
        stage.clear();
        return conclude(
            scenario,
            stage,
            started,
            ended,
            failure,
            status.path("leaseBreakSeconds").asLong() * 1000);
      } finally {
        stage.clients().values().forEach(DrillClient::close);
        stage.clear();
      }
    }
  }

  private static JsonNode status(Target target) throws IOException, InterruptedException {
    return Bounded.ask(
        "the server's status", () -> new Admin(target.socket()).act("status", Map.of()));
  }

  private static java.util.function.Consumer<Happening> told(Stage stage) {
    return event -> {
      if (event.event().equals("seal_released")) {
        stage.sealReleased(event);
      }
    };
  }

  private static void prepare(Scenario scenario, Stage stage, Path directory) throws IOException {
    // A client may be somebody else to the server, who squashes users.
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    for (Scenario.FileSpec spec : scenario.head().files()) {
      byte[] bytes = new byte[(int) spec.sizeBytes()];
      Arrays.fill(bytes, FILLING);
      Path path = Files.write(directory.resolve(spec.name()), bytes);
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-rw-rw-"));
      stage.add(new DrillFile(spec.name(), path, new ExpectedContent(bytes.length, FILLING)));
    }
  }

  /** Connects the clients and does the steps; why they did not come to their end, if so. */
  private static Optional<String> run(Scenario scenario, Stage stage) throws InterruptedException {
    Optional<String> unconnected =
        within(
            TimeUnit.SECONDS.toMillis(CONNECT_SECONDS),
            stage,
            () -> {
              connect(scenario, stage);
              return null;
            });
    if (unconnected.isPresent()) {
      return unconnected.map(why -> "clients could not be connected: " + why);
    }
    return within(
        scenario.head().limitMillis(),
        stage,
        () -> {
          for (Step step : scenario.steps()) {
            step.run(stage);
          }
          return null;
        });
  }

  private static Optional<String> within(long limitMillis, Stage stage, Callable<Void> work)
      throws InterruptedException {
    Future<Void> running = stage.begin(work);
    try {
      Void _ = running.get(limitMillis, TimeUnit.MILLISECONDS);
      return Optional.empty();
    } catch (TimeoutException _) {
      List<String> waiting = stage.journal().waiting();
      return Optional.of(
          "time is over after %d ms; waited for: %s"
              .formatted(
                  limitMillis,
                  waiting.isEmpty() ? "nothing in particular" : String.join(", ", waiting)));
    } catch (ExecutionException e) {
      return Optional.of(
          e.getCause() instanceof StepFailedException
              ? e.getCause().getMessage()
              : String.valueOf(e.getCause()));
    }
  }

  private static void connect(Scenario scenario, Stage stage)
      throws IOException, StepFailedException {
    Path directory = stage.target().directory();
    int uid = (Integer) Files.getAttribute(directory, "unix:uid");
    int gid = (Integer) Files.getAttribute(directory, "unix:gid");
    for (Scenario.ClientSpec spec : scenario.head().clients()) {
      stage.add(DrillClient.connect(spec, stage, uid, gid));
    }
    stage.learnClientIds();
    for (String name : stage.clients().keySet()) {
      String _ = stage.clientId(name);
    }
  }

  private Evidence evidence(
      Stage stage,
      long started,
      long ended,
      Optional<String> failure,
      long kernelMillis,
      List<Happening> events,
      Map<String, Integer> left,
      Optional<String> silence) {
    Map<String, Accesses.Tally> accesses = new HashMap<>();
    stage.clients().forEach((name, client) -> accesses.put(name, client.accesses()));
    return new Evidence(
        stage.recallTimeoutMillis(),
        kernelMillis,
        started,
        ended,
        stage.journal().marks(),
        events,
        Map.copyOf(stage.namesOfClients()),
        Map.copyOf(stage.localActs()),
        accesses,
        left,
        states(stage),
        new ServerAtEnd(
            stage.serverEnds(), stage.serverIsDown(), silence, stage.events().hasUntold()),
        failure);
  }

  private Outcome conclude(
      Scenario scenario,
      Stage stage,
      long started,
      long ended,
      Optional<String> failure,
      long kernelMillis)
      throws IOException, InterruptedException {
    Map<String, Integer> left = new HashMap<>();
    Optional<String> silence = Optional.empty();
    if (!stage.serverIsDown()) {
      stage.events().awaitReleases(stage.clock(), RELEASES_MILLIS);
    }
    try {
      left.putAll(
          Bounded.ask(
              "what is left",
              () -> {
                stage.events().catchUp();
                stage.learnClientIds();
                return left(stage);
              }));
    } catch (IOException e) {
      stage.journal().note(Journal.SERVER, "silent", "the server does not answer: " + e);
      silence = Optional.of(String.valueOf(e.getMessage()));
    }
    List<Happening> events = events(stage);
    stage.clients().values().forEach(DrillClient::close);
    if (silence.isEmpty()) {
      sendAway(stage);
    }
    return Outcome.of(
        scenario, evidence(stage, started, ended, failure, kernelMillis, events, left, silence));
  }

  /** What is of the scenario. What the server does when clients are sent away is not. */
  private static List<Happening> events(Stage stage) {
    return stage.events().all().stream().filter(event -> isOf(stage, event)).toList();
  }

  private static boolean isOf(Stage stage, Happening event) {
    return stage.namesOfClients().containsKey(event.client())
        || event.path().contains(stage.label() + "/");
  }

  private static Map<String, Integer> left(Stage stage) throws IOException {
    Map<String, Integer> left = new HashMap<>();
    for (JsonNode row : new Admin(stage.target().socket()).list("layouts", Map.of())) {
      String client = stage.namesOfClients().get(row.path("client").asText());
      if (client != null) {
        left.merge(client, 1, Integer::sum);
      }
    }
    return left;
  }

  /** So that nobody who comes later waits for clients that are no more. */
  private static void sendAway(Stage stage) throws InterruptedException {
    Admin admin = new Admin(stage.target().socket());
    for (String id : stage.namesOfClients().keySet()) {
      try {
        JsonNode _ = Bounded.ask("expire", () -> admin.act("expire", Map.of("client", id)));
      } catch (IOException e) {
        if (!(e.getCause() instanceof AdminException refused
            && refused.code() == AdminException.Code.NOT_FOUND)) {
          stage.journal().note(Journal.LOCAL, "failed", "client " + id + ": " + e.getMessage());
        }
      }
    }
  }

  private static Map<String, Evidence.FileState> states(Stage stage) {
    Map<String, Evidence.FileState> states = new HashMap<>();
    stage.files().forEach((name, file) -> states.put(name, state(file)));
    return states;
  }

  /** Reads on a thread of its own: a lease that somebody holds all the same would block it. */
  private static Evidence.FileState state(DrillFile file) {
    String fileName = String.valueOf(file.path().getFileName());
    int size = file.content().sizeBytes();
    int sure = file.content().sureBytes();
    if (!Files.exists(file.path())) {
      return new Evidence.FileState(fileName, false, 0, 0, Optional.empty());
    }
    FutureTask<byte[]> read = new FutureTask<>(() -> Files.readAllBytes(file.path()));
    Thread.ofPlatform().daemon().name("drill final read").start(read);
    Optional<String> difference;
    try {
      difference = file.content().difference(read.get(FINAL_READ_SECONDS, TimeUnit.SECONDS));
    } catch (ExecutionException e) {
      difference = Optional.of("it cannot be read: " + e.getCause());
    } catch (TimeoutException _) {
      difference = Optional.of("it could not be read within " + FINAL_READ_SECONDS + " s");
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      difference = Optional.of("its reader was interrupted");
    }
    return new Evidence.FileState(fileName, true, size, sure, difference);
  }
}
