package io.selkie.test.drill;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.client.session.Deadline;
import io.selkie.config.time.NanoClock;
import io.selkie.test.support.OtherProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** What the steps of a scenario that is being played have at hand. Safe for several threads. */
final class Stage {

  private static final int END_SECONDS = 10;

  private final Target target;
  private final NanoClock clock;
  private final InstantSource wall;
  private final Journal journal;
  private final Deadline callsEnd;
  private final String label;
  private final long seed;
  private final long recallTimeoutMillis;
  private final String directory;
  private final Map<String, DrillFile> files = new ConcurrentHashMap<>();
  private final Map<String, DrillClient> clients = new ConcurrentHashMap<>();
  private final Map<String, String> clientIds = new ConcurrentHashMap<>();
  private final Map<String, String> namesOfClients = new ConcurrentHashMap<>();
  private final Path scratch;
  private final Map<String, LocalAct> localActs = new ConcurrentHashMap<>();
  private final List<Long> serverEnds = new CopyOnWriteArrayList<>();
  private final AtomicLong randoms = new AtomicLong();
  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(
          Thread.ofPlatform().daemon().name("drill step-", 0).factory());
  private volatile EventLog events;
  private volatile boolean serverIsDown;

  /**
   * What a local act was, seen from outside: from just before its process was started until just
   * after its end was seen.
   */
  record LocalAct(
      String text, String fileName, long startedNanos, long endedNanos, int status, String output) {

    double millis() {
      return (endedNanos - startedNanos) / 1e6;
    }
  }

  /**
   * Sets one.
   *
   * @param callsEnd when calls that are made in a step end; not before the scenario's time is over,
   *     so that whoever looks at that says so, and what was waited for
   * @param label unique among all drills of the machine, for owners of clients
   * @param directory the scenario's, below the export
   * @param scratch outside of the export
   */
  Stage(
      Target target,
      NanoClock clock,
      InstantSource wall,
      Journal journal,
      Deadline callsEnd,
      String label,
      long seed,
      long recallTimeoutMillis,
      String directory,
      Path scratch) {
    this.target = target;
    this.clock = clock;
    this.wall = wall;
    this.journal = journal;
    this.callsEnd = callsEnd;
    this.label = label;
    this.seed = seed;
    this.recallTimeoutMillis = recallTimeoutMillis;
    this.directory = directory;
    this.scratch = scratch;
  }

  Target target() {
    return target;
  }

  NanoClock clock() {
    return clock;
  }

  InstantSource wall() {
    return wall;
  }

  Journal journal() {
    return journal;
  }

  Deadline callsEnd() {
    return callsEnd;
  }

  String label() {
    return label;
  }

  long recallTimeoutMillis() {
    return recallTimeoutMillis;
  }

  /** The scenario's directory as NFS sees it. */
  List<String> exportPath() {
    return List.of(target.exportName(), directory);
  }

  /** Another one each time, all from the seed. */
  RandomGenerator random() {
    return RandomGeneratorFactory.of("L64X128MixRandom").create(seed + randoms.getAndIncrement());
  }

  void listenTo(EventLog log) {
    events = log;
  }

  EventLog events() {
    return events;
  }

  void add(DrillFile file) {
    files.put(file.name(), file);
  }

  void add(DrillClient client) {
    clients.put(client.name(), client);
  }

  Map<String, DrillFile> files() {
    return files;
  }

  Map<String, DrillClient> clients() {
    return clients;
  }

  /** A file of the scenario; that it is there was looked at when the scenario was read. */
  DrillFile file(String name) {
    DrillFile file = files.get(name);
    if (file == null) {
      throw new IllegalStateException("file " + name);
    }
    return file;
  }

  DrillClient client(String name) {
    DrillClient client = clients.get(name);
    if (client == null) {
      throw new IllegalStateException("client " + name);
    }
    return client;
  }

  /** Acts of local processes that have a name. */
  Map<String, LocalAct> localActs() {
    return localActs;
  }

  /** The seal of a file was given up: what was granted before reaches nothing any more. */
  void sealReleased(Happening event) {
    for (DrillClient client : clients.values()) {
      for (HeldLayout layout : client.held()) {
        // Not by the file's name, which may be another by now: by the one it had then.
        if (layout.grantedNanos() < event.atNanos() && event.isOf(layout.grantedAs())) {
          layout.end("the server has given its seal up");
        }
      }
    }
  }

  /** Where sources of local writes lie, outside of the export. */
  Path scratch() {
    return scratch;
  }

  /** A client's id as the server's lists and events have it. */
  String clientId(String name) throws IOException, StepFailedException {
    String known = clientIds.get(name);
    if (known != null) {
      return known;
    }
    learnClientIds();
    String id = clientIds.get(name);
    if (id == null) {
      throw new StepFailedException("the server has no client " + client(name).owner());
    }
    return id;
  }

  /** Asks the server for the ids of all clients; those that it has forgotten stay known. */
  void learnClientIds() throws IOException {
    for (JsonNode row : new Admin(target.socket()).list("clients", Map.of())) {
      for (DrillClient client : clients.values()) {
        if (row.path("owner").asText().equals(client.owner())) {
          clientIds.put(client.name(), row.path("client").asText());
          namesOfClients.put(row.path("client").asText(), client.name());
        }
      }
    }
  }

  /** Names by id; a client that had several, after restarts, is in it several times. */
  Map<String, String> namesOfClients() {
    return namesOfClients;
  }

  /** The server has ended: no event of it will come any more, and nothing of it is left. */
  void serverEnded(String how) {
    journal.note(Journal.SERVER, "server_ended", "the server has ended: " + how);
    serverEnds.add(clock.nanoTime());
    serverIsDown = true;
    for (DrillClient client : clients.values()) {
      client.held().forEach(layout -> layout.end("the server has ended"));
    }
  }

  /** There is a server again. */
  void serverStarted() throws IOException {
    journal.note(Journal.SERVER, "server_started", "a server is ready");
    clientIds.clear();
    events.serverStarted();
    serverIsDown = false;
  }

  /** Whether a step has ended the server, and none has started it again. */
  boolean serverIsDown() {
    return serverIsDown;
  }

  /** When steps had ended it. */
  List<Long> serverEnds() {
    return List.copyOf(serverEnds);
  }

  /** Waits for something until it comes; when the scenario's time is over, by {@link #clear}. */
  <T> T await(Future<T> future, String what) throws StepFailedException, InterruptedException {
    try (Journal.Wait _ = journal.waitFor(what)) {
      return future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof StepFailedException failed) {
        throw failed;
      }
      throw new StepFailedException(what + ": " + e.getCause(), e.getCause());
    }
  }

  /** Waits for all of it; when several fail, the first is told. */
  void atTheSameTime(List<Callable<Void>> all, String what)
      throws StepFailedException, InterruptedException {
    List<Future<Void>> running = all.stream().map(threads::submit).toList();
    StepFailedException first = null;
    for (Future<Void> one : running) {
      try {
        Void _ = await(one, what);
      } catch (StepFailedException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }

  /**
   * Runs a program of the system and waits for its end. A process, not system calls of our own: who
   * opens a file that is sealed is blocked in the kernel, and only a process can be got out of
   * there when the scenario's time is over.
   */
  LocalAct local(String text, DrillFile file, List<String> command)
      throws StepFailedException, IOException {
    String fileName = String.valueOf(file.path().getFileName());
    journal.note(Journal.LOCAL, "local_begun", text);
    OtherProcess.Running running = OtherProcess.start(clock, command);
    try {
      OtherProcess.Outcome outcome = await(running.outcome(), text);
      LocalAct act =
          new LocalAct(
              text,
              fileName,
              outcome.startedNanos(),
              outcome.endedNanos(),
              outcome.status(),
              outcome.output().strip());
      journal.note(
          new Mark(
              outcome.endedNanos(),
              Journal.LOCAL,
              Journal.LOCAL,
              "local_ended",
              0,
              "%s: over, status %d".formatted(text, outcome.status())));
      return act;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StepFailedException(text + ": interrupted", e);
    } finally {
      end(running.process());
    }
  }

  /** Kills it if it runs, and waits until the kernel has taken it apart, also when interrupted. */
  private static void end(Process process) {
    if (process.isAlive()) {
      process.destroyForcibly();
      boolean _ =
          process
              .onExit()
              .thenApply(_ -> true)
              .completeOnTimeout(false, END_SECONDS, TimeUnit.SECONDS)
              .join();
    }
  }

  /** Runs the steps on a thread that can be left behind. */
  Future<Void> begin(Callable<Void> work) {
    return threads.submit(work);
  }

  /** Ends what still runs, local processes too, and waits for its end. Idempotent. */
  void clear() throws InterruptedException {
    List<Runnable> _ = threads.shutdownNow();
    if (!threads.awaitTermination(2 * END_SECONDS, TimeUnit.SECONDS)) {
      journal.note(Journal.LOCAL, "failed", "a step does not end: " + journal.waiting());
    }
  }
}
