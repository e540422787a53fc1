package io.selkie.test.fire;

import io.selkie.config.time.NanoClock;
import io.selkie.test.fire.Board.Count;
import io.selkie.test.support.ServerProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A server in a process of its own, clients that flood its files, each in a process of its own, and
 * those who take the files away from them.
 */
final class Fire implements AutoCloseable {

  /**
   * What there is and how long it lasts.
   *
   * @param clients each in a process of its own; one is killed now and then, and followed by
   *     another
   * @param threads clients in this process, which are there at once, and stay
   * @param grantsMin so many there must be
   * @param startSeconds until every client has had its first grant, and until each has ended
   * @param moreSeconds a slow machine may take so much longer until everything has happened that is
   *     to happen
   * @param config of the server, besides its export and times
   * @param pinned whether a device may write to pages of files: {@link PinnedFiles}
   * @param keysLiveOnMillis of a server whose fence is a {@link LateFence}; 0 for a good one
   * @param ground what is under fire
   */
  record Plan(
      String provider,
      long seed,
      int seconds,
      int files,
      int fileBytes,
      int clients,
      int threads,
      int queuePairs,
      int grantsMin,
      int startSeconds,
      int moreSeconds,
      String config,
      boolean pinned,
      int keysLiveOnMillis,
      MakeGround ground) {

    boolean broken() {
      return keysLiveOnMillis > 0;
    }

    /** One for this machine, of files. */
    static Plan of(String provider, long seed, int seconds, boolean broken) {
      return new Plan(
          provider,
          seed,
          seconds,
          8,
          FILE_BYTES,
          3,
          0,
          3,
          1,
          600,
          600,
          "",
          false,
          broken ? KEYS_LIVE_ON_MILLIS : 0,
          FireFiles::new);
    }

    /**
     * One of a device that is served over an RDMA device: in a guest, where it takes seconds until
     * a process has its first grant. A broken one needs nobody who is killed.
     */
    static Plan ofDevice(Path device, String rdmaHost, long seed, int seconds, boolean broken) {
      return new Plan(
          "verbs",
          seed,
          seconds,
          1,
          FILE_BYTES,
          broken ? 0 : 1,
          3,
          2,
          DEVICE_GRANTS_MIN,
          DEVICE_START_SECONDS,
          DEVICE_MORE_SECONDS,
          BY_VERBS,
          false,
          broken ? KEYS_LIVE_ON_MILLIS : 0,
          _ -> new FireDevice(device, rdmaHost, FILE_BYTES));
    }

    /** One of files that are served over an RDMA device, in a guest whose kernel lets it. */
    static Plan ofFilesOnDevice(String rdmaHost, long seed, int seconds, boolean broken) {
      return new Plan(
          "verbs",
          seed,
          seconds,
          2,
          SMALL_FILE_BYTES,
          broken ? 0 : 1,
          2,
          2,
          DEVICE_GRANTS_MIN,
          DEVICE_START_SECONDS,
          DEVICE_MORE_SECONDS,
          BY_VERBS,
          true,
          broken ? KEYS_LIVE_ON_MILLIS : 0,
          scratch -> new FireFiles(scratch, rdmaHost));
    }
  }

  /** Makes what is to burn. */
  @FunctionalInterface
  interface MakeGround {
    Ground in(Path scratch) throws Exception;
  }

  private static final int FILE_BYTES = 512 << 10;

  /** In a guest it takes long to look at much. */
  private static final int SMALL_FILE_BYTES = 128 << 10;

  private static final int VIOLATIONS_TOLD = 3;

  private static final int KEYS_LIVE_ON_MILLIS = 1000;

  private static final String BY_VERBS = "rdma: {provider: verbs}\n";

  /** No rate: another guest may run beside this one. What counts is {@link #MUST_HAPPEN}. */
  private static final int DEVICE_GRANTS_MIN = 20;

  // With both, the tests of a device are over before their guest is ended. To start a JVM was seen
  // to take 80 s there.
  private static final int DEVICE_START_SECONDS = 300;
  private static final int DEVICE_MORE_SECONDS = 240;

  /**
   * How it was.
   *
   * @param violations words that were where they must not be, as others than their writers saw them
   * @param placedAfterTheEnd writes that began when their grant was over and were placed, as their
   *     writers saw it
   * @param allHappened whether each kind of thing that is to happen has
   */
  record Outcome(
      List<String> violations, long placedAfterTheEnd, boolean allHappened, String story) {}

  private static final List<Count> MUST_HAPPEN =
      List.of(
          Count.BURSTS_PLACED,
          Count.QUEUE_PAIRS_BROKEN,
          Count.RETURNS,
          Count.RETURNS_UNDER_FIRE,
          Count.DEAD_KEYS_TRIED);

  /**
   * Deadlines are short, so that there are many fences. Clients that died lose their lease soon.
   */
  private static final String TIMES =
      """
      layout:
        recallTimeoutMillis: 250
        fenceBudgetMillis: 400
      sessions:
        leaseSeconds: 12
        graceSeconds: 12
      """;

  private final Plan plan;
  private final NanoClock clock = NanoClock.system();
  private final SplittableRandom random;
  private final Ground ground;
  private final Board board;
  private final Path boardFile;
  private final ServerProcess server;
  private final Ctl ctl;
  private final List<Witness> witnesses = new ArrayList<>();
  private final List<ClientProcess> clients = new ArrayList<>();
  private final ConcurrentLinkedQueue<String> violations = new ConcurrentLinkedQueue<>();
  private final Map<Attack.Strike, Integer> strikes = new ConcurrentHashMap<>();
  private final AtomicInteger kills = new AtomicInteger();
  private int clientsStarted;

  private Fire(Plan plan, Path scratch) throws Exception {
    this.plan = plan;
    this.random = new SplittableRandom(plan.seed);
    this.boardFile = scratch.resolve("board");
    // Before the ground, which may be a mount.
    this.board = Board.open(boardFile);
    boolean grounded = false;
    try {
      this.ground = plan.ground.in(scratch);
      grounded = true;
    } finally {
      if (!grounded) {
        board.close();
      }
    }
    boolean whole = false;
    try {
      Marks marks = new Marks();
      for (int file = 0; file < plan.files; file++) {
        witnesses.add(ground.witness(file, plan.fileBytes, board, marks, this::violation));
      }
      ServerProcess.Builder builder =
          ground
              .server(scratch.resolve("server"))
              .config(TIMES + plan.config)
              .jvmFlags("-Xmx256m", "-XX:MaxDirectMemorySize=256m");
      if (plan.pinned || plan.broken()) {
        builder.classPath(classPath(scratch.resolve("led")));
      }
      this.server = builder.start();
      whole = true;
    } finally {
      // A mount outlives the process that made it.
      if (!whole) {
        board.close();
        ground.close();
      }
    }
    this.ctl = new Ctl(scratch.resolve("server").resolve("state").resolve("ctl.sock"));
  }

  /** That of this process, with the calls led elsewhere that the plan wants so. */
  private String classPath(Path directory) throws IOException {
    LedCalls calls = new LedCalls(directory);
    if (plan.pinned) {
      PinnedFiles.lead(calls);
    }
    if (plan.broken()) {
      BrokenFence.lead(calls, plan.keysLiveOnMillis);
    }
    return calls.classPath();
  }

  static String fileName(int file) {
    return "under-fire-" + file;
  }

  /** Burns as planned, looks at everything, and puts it out. */
  static Outcome burn(Plan plan, Path scratch) throws Exception {
    try (Fire fire = new Fire(plan, scratch)) {
      return fire.burn();
    }
  }

  private void violation(String what) {
    violations.add(what);
  }

  /**
   * A good server burns until a violation is seen, a broken one until both kinds are. Of files that
   * a device has pinned it is enough that writers see it: pages of one that is cut are the device's
   * alone.
   */
  private boolean isLost() {
    boolean seen = !violations.isEmpty();
    boolean placed = board.get(Count.PLACED_AFTER_THE_END) > 0;
    return plan.broken() ? placed && (seen || plan.pinned) : seen || placed;
  }

  private boolean hasAllHappened() {
    return strikes.keySet().containsAll(ground.strikes())
        && board.get(Count.GRANTS) >= plan.grantsMin
        && (plan.clients == 0 || kills.get() > 0)
        && MUST_HAPPEN.stream().allMatch(count -> board.get(count) > 0);
  }

  private boolean isOver(long begun) {
    long seconds = TimeUnit.NANOSECONDS.toSeconds(clock.nanoTime() - begun);
    return isLost()
        || board.isStopped()
        || (seconds >= plan.seconds && (plan.broken() || hasAllHappened()))
        || seconds >= plan.seconds + plan.moreSeconds;
  }

  private Outcome burn() throws Exception {
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Future<?>> here = new ArrayList<>();
      try {
        burnUntilOver(threads, here);
        // The last ones die as they write, and then nobody has anything.
        for (ClientProcess client : clients) {
          client.kill();
        }
      } finally {
        board.stop();
      }
      for (Future<?> one : here) {
        one.get(plan.startSeconds, TimeUnit.SECONDS);
      }
    }
    ctl.command(Map.of("command", "fence", "all", true));
    Map<Path, ByteBuffer> contents = new HashMap<>();
    for (Witness witness : witnesses) {
      if (random.nextBoolean()) {
        witness.takeOver(false, Witness.Act.WRITE_OVER, random);
      }
      contents.put(witness.path(), witness.lastLook());
    }
    boolean all = hasAllHappened();
    if (!server.isAlive()) {
      throw new IOException("the server is dead; it said:\n" + server.log());
    }
    int status = server.terminate();
    if (status != 0 && status != 143) {
      throw new IOException("the server ends with " + status + "; it said:\n" + server.log());
    }
    String scan = ground.scan(contents, this::violation);
    return new Outcome(
        List.copyOf(violations), board.get(Count.PLACED_AFTER_THE_END), all, story(all, scan));
  }

  private void burnUntilOver(ExecutorService threads, List<Future<?>> here) throws Exception {
    CountDownLatch underFire = new CountDownLatch(plan.threads);
    for (int i = 0; i < plan.threads; i++) {
      here.add(threads.submit(client(underFire)));
    }
    for (int i = 0; i < plan.clients; i++) {
      clients.add(startClient());
    }
    for (ClientProcess client : clients) {
      client.awaitFire(plan.startSeconds);
    }
    boolean all = underFire.await(plan.startSeconds, TimeUnit.SECONDS);
    throwWhatFailed(here);
    if (!all) {
      throw new IOException("a client in this process has no layout");
    }
    List<Attack> attacks = List.of(attack(), attack());
    long begun = clock.nanoTime();
    List<Future<?>> attacking = new ArrayList<>();
    for (Attack attack : attacks) {
      attacking.add(
          threads.submit(() -> {
            attack.until(() -> isOver(begun));
            return null;
          }));
    }
    while (!isDone(attacking.getFirst(), random.nextInt(1000, 5000))) {
      killOne();
      throwWhatFailed(here);
      if (attacking.getLast().isDone()) {
        attacking.getLast().get();
      }
    }
    attacking.getLast().get(plan.startSeconds, TimeUnit.SECONDS);
  }

  private static void throwWhatFailed(List<Future<?>> clients) throws Exception {
    for (Future<?> one : clients) {
      if (one.isDone()) {
        one.get();
      }
    }
  }

  /** Waits a little for its end; what it failed of is thrown. */
  private static boolean isDone(Future<?> one, int millis) throws Exception {
    try {
      one.get(millis, TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException _) {
      return false;
    }
  }

  /** One that is at it; who was started a moment ago is left alone. */
  private void killOne() throws IOException, InterruptedException {
    if (clients.isEmpty()) {
      return;
    }
    int victim = random.nextInt(clients.size());
    if (clients.get(victim).isUnderFire()) {
      clients.get(victim).kill();
      kills.incrementAndGet();
      clients.set(victim, startClient());
    }
  }

  private Attack attack() {
    return new Attack(
        ground,
        witnesses,
        board,
        ctl,
        server,
        random.split(),
        plan.fileBytes,
        clock,
        strikes,
        this::violation);
  }

  private FireClient.Orders orders() {
    int number = clientsStarted++;
    return new FireClient.Orders(
        boardFile,
        "fire-" + number,
        random.nextLong(),
        plan.provider,
        server.nfs(),
        server.rdma(),
        server.exportName(),
        plan.files,
        plan.fileBytes,
        plan.queuePairs);
  }

  private ClientProcess startClient() throws IOException {
    return ClientProcess.start(FireClient.class, orders().words());
  }

  /** One in this process; counted when it has had its first grant, or ends without. */
  private Callable<Void> client(CountDownLatch underFire) {
    FireClient.Orders orders = orders();
    AtomicBoolean first = new AtomicBoolean(true);
    return () -> {
      try {
        FireClient.burn(
            orders,
            board,
            said -> {
              if (said.startsWith("under fire") && first.getAndSet(false)) {
                underFire.countDown();
              }
            });
      } finally {
        if (first.getAndSet(false)) {
          underFire.countDown();
        }
      }
      return null;
    };
  }

  private String story(boolean all, String scan) {
    StringBuilder text =
        new StringBuilder(
            "fencing under fire: provider %s, seed %d, %d s, %d clients with %d queue pairs each%n"
                .formatted(
                    plan.provider,
                    plan.seed,
                    plan.seconds,
                    plan.clients + plan.threads,
                    plan.queuePairs));
    for (Count count : Count.values()) {
      text.append(
          "  %-22s %d%n".formatted(count.name().toLowerCase(Locale.ROOT), board.get(count)));
    }
    text.append("  strikes %s, clients killed %d%n".formatted(strikes, kills.get()));
    text.append("  %s%n".formatted(scan));
    violations.stream().limit(VIOLATIONS_TOLD).forEach(one -> text.append("  " + one + "\n"));
    if (!all) {
      text.append("  not everything has happened that was to happen\n");
    }
    return text.toString();
  }

  @Override
  public void close() throws Exception {
    board.stop();
    for (ClientProcess client : clients) {
      client.close();
    }
    server.close();
    board.close();
    ground.close();
  }
}
