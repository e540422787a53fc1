package io.selkie.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.selkie.config.HostPort;
import io.selkie.config.HttpConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutEvents;
import io.selkie.layout.RecallCause;
import io.selkie.lease.FileIdentity;
import io.selkie.server.WallClock;
import io.selkie.server.admin.AdminParts;
import io.selkie.server.admin.AdminService;
import io.selkie.server.admin.SampleFacts;
import io.selkie.server.admin.ServerControl;
import io.selkie.server.metrics.ServerMetrics;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.reflect.Proxy;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

/** Goal: whatever comes over HTTP, the server answers or ends the connection, and goes on. */
@Timeout(300)
class HttpInputTest {

  private static final int SECONDS = 120;

  /** Timers that fire when the test says so. */
  private static final class HandTimers implements Timers {
    private final BlockingQueue<Runnable> requests = new LinkedBlockingQueue<>();
    private final BlockingQueue<Runnable> answers = new LinkedBlockingQueue<>();
    private final BlockingQueue<Runnable> lists = new LinkedBlockingQueue<>();
    private final BlockingQueue<Runnable> ticks = new LinkedBlockingQueue<>();

    @Override
    public Timer schedule(long delayNanos, Runnable task) {
      long millis = TimeUnit.NANOSECONDS.toMillis(delayNanos);
      BlockingQueue<Runnable> set;
      if (millis == LIMITS.requestMillis()) {
        set = requests;
      } else if (millis == LIMITS.stallMillis()) {
        set = answers;
      } else if (millis == LIMITS.listMillis()) {
        set = lists;
      } else if (millis == LiveEvents.TICK_MILLIS) {
        set = ticks;
      } else {
        return () -> true;
      }
      set.add(task);
      return () -> set.remove(task);
    }
  }

  private static final HttpLimits LIMITS =
      new HttpLimits(9, 2, 1024, 2048, 4096, 60_001, 60_002, 60_003, 1, 1);

  /** Of an answer that fits a piece of memory but for what its generator still holds. */
  private static final int ROWS_BYTES = ApiAnswers.PIECE_BYTES + 1000;

  private final HandTimers timers = new HandTimers();
  private final ServerMetrics metrics = new ServerMetrics();
  private final CountDownLatch released = new CountDownLatch(1);
  private final CountDownLatch entered = new CountDownLatch(1);
  private volatile Map<String, String> levels = Map.of("io.selkie", "debug");
  private volatile boolean disksHang;
  private volatile boolean rdmaFails;
  private volatile boolean takesItsTime;
  private volatile Thread answering;
  private HttpServer server;

  @BeforeEach
  void start() throws IOException {
    ServerControl control =
        (ServerControl)
            Proxy.newProxyInstance(
                HttpInputTest.class.getClassLoader(),
                new Class<?>[] {ServerControl.class},
                (_, method, _) ->
                    switch (method.getName()) {
                      case "facts" -> SampleFacts.facts();
                      case "exports" -> {
                        if (disksHang) {
                          hang();
                        }
                        yield List.of();
                      }
                      case "exportConfigs", "mounts" -> List.of();
                      case "rdma" -> {
                        if (rdmaFails) {
                          throw new StackOverflowError("on purpose");
                        }
                        yield List.of();
                      }
                      case "logLevels" -> disksHang ? levels : hang();
                      default -> throw new UnsupportedOperationException(method.getName());
                    });
    AdminService service =
        new AdminService(new AdminParts(control, null, null, null, null, null, null, null, null));
    HttpConfig config =
        new HttpConfig(
            true,
            new HostPort("127.0.0.1", 0),
            Optional.empty(),
            Optional.empty(),
            Optional.empty());
    HttpParts parts =
        new HttpParts(service, control, metrics, NanoClock.system(), new WallClock(), timers, 0);
    server = HttpServer.open(config, parts, LIMITS).orElseThrow();
  }

  private Map<String, String> hang() throws InterruptedException {
    answering = Thread.currentThread();
    entered.countDown();
    try {
      assertThat(released.await(SECONDS, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      if (!takesItsTime) {
        throw e;
      }
      outliveTheEventLoop();
    }
    return levels;
  }

  /** Unless it waits for us, it ends at once, as nothing is left for it to do. */
  private static void outliveTheEventLoop() throws InterruptedException {
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().startsWith("http-io")) {
        thread.join(500);
      }
    }
  }

  @AfterEach
  void stop() {
    released.countDown();
    server.close();
  }

  private Socket connect() throws IOException {
    Socket socket = new Socket();
    socket.connect(server.address());
    socket.setSoTimeout(SECONDS * 1000);
    return socket;
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(ISO_8859_1));
    socket.getOutputStream().flush();
  }

  private static String get(String path) {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }

  private static String post(String path, String body) {
    String head = "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    return (head + "Content-Length: %d\r\n\r\n%s")
        .formatted(path, body.getBytes(UTF_8).length, body);
  }

  /** The head of the next answer, and its body if it says how long that is. */
  private static String read(Socket socket) throws IOException {
    InputStream in = socket.getInputStream();
    StringBuilder head = new StringBuilder();
    while (head.indexOf("\r\n\r\n") < 0) {
      int next = in.read();
      if (next < 0) {
        return head.toString();
      }
      head.append((char) next);
    }
    String text = head.toString();
    var length =
        text.lines()
            .filter(line -> line.toLowerCase(Locale.ROOT).startsWith("content-length:"))
            .findFirst();
    return length.isEmpty()
        ? text
        : text
            + new String(
                in.readNBytes(Integer.parseInt(length.get().substring(15).strip())), UTF_8);
  }

  private String ask(String request) throws IOException {
    try (Socket socket = connect()) {
      send(socket, request);
      return read(socket);
    }
  }

  private void assertServes() throws IOException {
    assertThat(ask(get("/healthz"))).startsWith("HTTP/1.1 200").endsWith("ok\n");
  }

  @Test
  void whatIsNoRequestIsAnsweredAndEnds() throws IOException {
    for (String nonsense :
        List.of(
            "\0\1\2\3\r\n\r\n",
            "GET\r\n\r\n",
            "GET / HTTP/9x\r\n\r\n",
            "\u00ff".repeat(300) + "\r\n\r\n")) {
      try (Socket socket = connect()) {
        send(socket, nonsense);
        assertThat(read(socket)).startsWith("HTTP/1.1 400").contains("bad_request");
        assertThat(socket.getInputStream().read()).isEqualTo(-1);
      }
    }
    assertServes();
  }

  @Test
  void hugeRequestsAreRefused() throws IOException {
    assertThat(ask(get("/" + "x".repeat(2000)))).startsWith("HTTP/1.1 414");
    assertThat(
            ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + "x".repeat(4000) + "\r\n\r\n"))
        .startsWith("HTTP/1.1 431");
    assertThat(ask(post("/api/v1/reload", "x".repeat(10_000)))).startsWith("HTTP/1.1 413");
    assertThat(ask(get("/api/v1/exports?" + "a=b&".repeat(100)))).startsWith("HTTP/1.1 400");
    assertServes();
  }

  @Test
  void pathsAndMethodsThatAreNotThereAreSaid() throws IOException {
    assertThat(ask(get("/api/v1/nothing"))).startsWith("HTTP/1.1 404").contains("not_found");
    assertThat(ask(get("/../../etc/passwd"))).startsWith("HTTP/1.1 404");
    assertThat(ask(get("/%zz"))).startsWith("HTTP/1.1 4");
    assertThat(ask(get("/api/v1/exports/%zz"))).startsWith("HTTP/1.1 400");
    assertThat(ask(get("/api/v1/status/1"))).startsWith("HTTP/1.1 404");
    assertThat(ask(get("/api/v1/exports?colour=red")))
        .startsWith("HTTP/1.1 400")
        .contains("there is no parameter 'colour'");
    assertThat(ask(get("/api/v1/exports?limit=-1"))).contains("limit is no whole number");
    assertThat(ask(get("/api/v1/exports?state=a&state=b"))).contains("stands twice");
    assertThat(ask(get("/api/v1/exports/none"))).startsWith("HTTP/1.1 404");
    assertThat(ask(get("/api/v1/recall"))).startsWith("HTTP/1.1 405").contains("only POST");
    assertThat(ask("BREW /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")).startsWith("HTTP/1.1 4");
    assertThat(ask(post("/api/v1/recall", "{}")))
        .startsWith("HTTP/1.1 403")
        .contains("http.tokenFile");
    assertServes();
  }

  @Test
  void requestThatDripsInIsCutOff() throws Exception {
    try (Socket socket = connect()) {
      Runnable deadline = timers.requests.poll(SECONDS, TimeUnit.SECONDS);
      send(socket, "GET /healthz HTTP/1.1\r\nX-Slow:");
      deadline.run();
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
    assertServes();
  }

  @Test
  void whoComesTooManyIsClosedAndOthersAreServed() throws IOException {
    List<Socket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < LIMITS.connectionsMax(); i++) {
        Socket socket = connect();
        sockets.add(socket);
        send(socket, get("/healthz"));
        assertThat(read(socket)).startsWith("HTTP/1.1 200");
      }
      try (Socket beyond = connect()) {
        assertThat(beyond.getInputStream().read()).isEqualTo(-1);
      }
      send(sockets.getFirst(), get("/readyz"));
      assertThat(read(sockets.getFirst())).startsWith("HTTP/1.1 200").endsWith("ready\n");
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  @Test
  void requestsInOneGoAreAnsweredInOrder() throws IOException {
    try (Socket socket = connect()) {
      send(socket, get("/healthz") + get("/api/v1/openapi.json") + get("/readyz"));
      assertThat(read(socket)).endsWith("ok\n");
      assertThat(read(socket)).contains("\"openapi\" : \"3.1.0\"");
      assertThat(read(socket)).endsWith("ready\n");
    }
  }

  /** It asks for more than the sockets take, and the answer under way is late. */
  @Test
  void whoReadsNothingOfItsAnswersIsCutOff() throws Exception {
    int asked = 1000;
    try (Socket socket = connect()) {
      send(socket, get("/api/v1/openapi.json").repeat(asked));
      Runnable stalled = timers.answers.poll(SECONDS, TimeUnit.SECONDS);
      assertThat(stalled).as("a bound of the answer").isNotNull();
      stalled.run();
      int answered = 0;
      try {
        while (!read(socket).isEmpty()) {
          answered++;
        }
      } catch (SocketException _) {
        // Reset, as the server has not read the rest of what was asked.
      }
      assertThat(answered).isLessThan(asked);
    }
    assertServes();
  }

  @Test
  void answerThatWasTakenHasNoBoundAnyMore() throws IOException {
    try (Socket socket = connect()) {
      for (int i = 0; i < 3; i++) {
        send(socket, get("/healthz"));
        assertThat(read(socket)).endsWith("ok\n");
      }
      // The last one's may be about to go.
      assertThat(timers.answers).hasSizeLessThan(2);
    }
  }

  @Test
  void errorInTheMidstEndsTheConnection() throws IOException {
    rdmaFails = true;
    try (Socket socket = connect()) {
      send(socket, get("/api/v1/devices"));
      assertThat(socket.getInputStream().read()).isEqualTo(-1);
    }
    assertServes();
  }

  @Test
  void listThatFailsBeforeItsFirstPieceIsAnsweredOnce() throws IOException {
    levels = new FailingAtItsEnd(ROWS_BYTES);
    released.countDown();
    try (Socket socket = connect()) {
      send(socket, get("/api/v1/log") + get("/healthz"));
      assertThat(read(socket)).startsWith("HTTP/1.1 500").contains("on purpose");
      assertThat(read(socket)).startsWith("HTTP/1.1 200").endsWith("ok\n");
    }
  }

  /** Rows of so many bytes as JSON, and then a defect. */
  private static final class FailingAtItsEnd extends AbstractMap<String, String> {
    private final Set<Entry<String, String>> entries;

    FailingAtItsEnd(int bytes) {
      String name = "x".repeat(100);
      int each = ",\n{\"logger\":\"\",\"level\":\"debug\"}".length() + name.length();
      this.entries =
          new AbstractSet<>() {
            @Override
            public Iterator<Entry<String, String>> iterator() {
              return Stream.iterate(0, i -> i + 1)
                  .map(i -> {
                    if (i > bytes / each) {
                      throw new IllegalStateException("on purpose");
                    }
                    return Map.entry(name, "debug");
                  })
                  .iterator();
            }

            @Override
            public int size() {
              return Integer.MAX_VALUE;
            }
          };
    }

    @Override
    public Set<Entry<String, String>> entrySet() {
      return entries;
    }
  }

  @Test
  void listThatIsNotTakenInTimeIsCutOff() throws Exception {
    Map<String, String> many = new HashMap<>();
    for (int i = 0; i < 100_000; i++) {
      many.put("x".repeat(100) + i, "debug");
    }
    levels = many;
    released.countDown();
    try (Socket socket = connect()) {
      send(socket, get("/api/v1/log"));
      Runnable deadline = timers.lists.poll(SECONDS, TimeUnit.SECONDS);
      assertThat(deadline).as("a bound of the list").isNotNull();
      assertThat(read(socket)).startsWith("HTTP/1.1 200");
      deadline.run();
      assertThat(new String(socket.getInputStream().readAllBytes(), UTF_8))
          .doesNotContain("\"done\"");
    }
    assertServes();
  }

  /** More messages than all buffers between server and watcher take together. */
  @Test
  void whoWatchesAndReadsNothingIsCutOffAndOthersAreTold() throws Exception {
    int ticks = 1500;
    try (Socket slow = new Socket();
        Socket quick = connect()) {
      slow.setReceiveBufferSize(4096);
      slow.connect(server.address());
      slow.setSoTimeout(SECONDS * 1000);
      send(slow, get("/api/v1/stream"));
      assertThat(read(slow)).startsWith("HTTP/1.1 200");
      send(quick, get("/api/v1/stream"));
      BufferedReader told =
          new BufferedReader(new InputStreamReader(quick.getInputStream(), UTF_8));
      assertThat(told.readLine()).startsWith("HTTP/1.1 200");
      for (int tick = 0; tick < ticks; tick++) {
        for (int step = 0; step <= LiveEvents.STEPS_MAX; step++) {
          metrics.on(event(tick));
        }
        timers.ticks.poll(SECONDS, TimeUnit.SECONDS).run();
        assertThat(nextMessage(told)).contains("\"recall\":" + tick + ",", "\"left\":1");
      }
      int missed = ticks - messages(slow);
      assertThat(missed).as("who did not read").isGreaterThan(LiveEvents.MISSED_MAX);
    }
    assertServes();
  }

  private static LayoutEvents.Event event(int recall) {
    return new LayoutEvents.Event(
        1,
        LayoutEvents.Step.RECALL_SENT,
        recall,
        new FileIdentity(1, 2, 3),
        "f",
        4,
        RecallCause.ADMINISTRATIVE,
        5,
        "");
  }

  private static String nextMessage(BufferedReader reader) throws IOException {
    String line = reader.readLine();
    while (line != null && !line.startsWith("data:")) {
      line = reader.readLine();
    }
    return line;
  }

  /** How many come until the server ends it. */
  private static int messages(Socket socket) throws IOException {
    int count = 0;
    try (var reader = new BufferedReader(new InputStreamReader(socket.getInputStream(), UTF_8))) {
      while (nextMessage(reader) != null) {
        count++;
      }
    } catch (SocketException _) {
      // Reset, as there was more to send.
    }
    return count;
  }

  @Test
  void diskThatHangsTakesNoOtherListWithIt() throws Exception {
    disksHang = true;
    try (Socket hanging = connect();
        Socket waiting = connect()) {
      String asksDisk = get("/api/v1/recalls?export=x&file=8:1:2");
      send(hanging, asksDisk);
      send(waiting, asksDisk);
      assertThat(entered.await(SECONDS, TimeUnit.SECONDS)).isTrue();
      assertThat(ask(get("/api/v1/log"))).startsWith("HTTP/1.1 200");
    }
  }

  @Test
  void listThatHangsKeepsNobodyFromMetricsAndItsQueueIsBounded() throws Exception {
    try (Socket hanging = connect();
        Socket other = connect();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      send(hanging, get("/api/v1/log"));
      assertThat(entered.await(SECONDS, TimeUnit.SECONDS)).isTrue();
      send(other, get("/metrics"));
      assertThat(read(other)).startsWith("HTTP/1.1 200").contains("selkie_build_info{");
      var more = new ExecutorCompletionService<String>(threads);
      int waitMost = 4 * LIMITS.lists();
      for (int i = 0; i <= waitMost; i++) {
        more.submit(() -> ask(get("/api/v1/log")));
      }
      // One is too many, whichever comes last; nobody else is answered yet.
      assertThat(more.take().get()).startsWith("HTTP/1.1 503").contains("try again");
      assertThat(more.poll()).isNull();
      released.countDown();
      assertThat(read(hanging)).startsWith("HTTP/1.1 200");
      for (int i = 0; i < waitMost; i++) {
        assertThat(more.take().get()).startsWith("HTTP/1.1 200");
      }
    }
  }

  /** It answers only after it was told to end, and that nobody takes the answer is no failure. */
  @Test
  void listUnderWayEndsBeforeTheServerDoes() throws Exception {
    disksHang = true;
    takesItsTime = true;
    ListAppender<ILoggingEvent> said = new ListAppender<>();
    Logger netty = (Logger) LoggerFactory.getLogger("io.netty");
    said.start();
    netty.addAppender(said);
    try (Socket asking = connect()) {
      send(asking, get("/api/v1/exports/none"));
      assertThat(entered.await(SECONDS, TimeUnit.SECONDS)).isTrue();
      server.close();
      assertThat(answering.join(Duration.ofSeconds(SECONDS))).as("who answered ends").isTrue();
      assertThat(said.list).noneMatch(event -> event.getLevel() == Level.ERROR);
    } finally {
      netty.detachAppender(said);
    }
  }
}
