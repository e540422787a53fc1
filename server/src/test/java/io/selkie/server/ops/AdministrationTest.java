package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.LockConst4;
import io.selkie.server.admin.AdminClient;
import io.selkie.server.admin.AdminException;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.admin.AdminRequest;
import io.selkie.server.admin.ListKind;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: administrators see who holds what, and get it back, whatever they do to the socket. */
@Timeout(600)
class AdministrationTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int RECALL_MILLIS = 500;

  private TwoExports server;
  private FileCalls alice;
  private FileCalls bob;
  private Opened one;
  private Opened two;

  /** Alice holds a layout in each export, Bob one in the second and a lock. */
  @BeforeEach
  void start() throws IOException {
    server = new TwoExports(new LinuxKernel(), RECALL_MILLIS, "one", "two");
    Files.write(server.of("one").resolve("f"), new byte[8192]);
    Files.write(server.of("two").resolve("g"), new byte[8192]);
    alice = server.client("alice");
    bob = server.client("bob");
    one = alice.open(alice.handleOf("one"), "f", BOTH, DENY_NONE);
    two = alice.open(alice.handleOf("two"), "g", BOTH, DENY_NONE);
    layout(alice, one);
    layout(alice, two);
    Opened his = bob.open(bob.handleOf("two"), "g", BOTH, DENY_NONE);
    layout(bob, his);
    new LockCalls(bob, his.handle()).lock(his.stateid(), "locker", LockConst4.WRITE_LT, 100, 50);
  }

  private static void layout(FileCalls client, Opened opened) {
    HeldLayout.get(client, opened.handle(), opened.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private Path socket() {
    return server.server().adminSocket().orElseThrow();
  }

  private record Answer(List<JsonNode> rows, List<String> progress, JsonNode end) {}

  private Answer ask(AdminRequest request) throws Exception {
    List<JsonNode> rows = new ArrayList<>();
    List<String> progress = new ArrayList<>();
    try (AdminClient client = AdminClient.connect(socket())) {
      JsonNode end =
          client.ask(
              request,
              new AdminClient.Reader() {
                @Override
                public void row(byte[] json, int offset, int length) throws IOException {
                  rows.add(JSON.readTree(json, offset, length));
                }

                @Override
                public void progress(String text) {
                  progress.add(text);
                }
              });
      return new Answer(rows, progress, end);
    }
  }

  private List<JsonNode> list(String what, String... filters) throws Exception {
    Map<String, String> texts = new HashMap<>();
    for (int i = 0; i < filters.length; i += 2) {
      texts.put(filters[i], filters[i + 1]);
    }
    return ask(AdminRequest.of(what, texts, List.of(), 0)).rows;
  }

  private AdminException refused(AdminRequest request) {
    return catchThrowableOfType(AdminException.class, () -> ask(request));
  }

  private String idOf(String owner) throws Exception {
    for (JsonNode row : list("clients")) {
      if (row.path("owner").asText().contains(owner)) {
        return row.path("client").asText();
      }
    }
    throw new AssertionError("no client " + owner + " in " + list("clients"));
  }

  @Test
  void everythingThatIsHeldIsListed() throws Exception {
    JsonNode status = ask(AdminRequest.of("status")).end;
    assertThat(status.path("layouts").asInt()).isEqualTo(3);
    assertThat(status.path("seals").asInt()).isEqualTo(2);
    assertThat(status.path("opens").asInt()).isEqualTo(3);
    assertThat(status.path("locks").asInt()).isOne();
    assertThat(status.path("clients").asInt()).isEqualTo(2);
    assertThat(status.path("state").asText()).isEqualTo("running");
    assertThat(status.path("socket").asText()).isEqualTo(socket().toString());

    assertThat(list("exports"))
        .extracting(row -> row.path("name").asText())
        .containsExactlyInAnyOrder("one", "two");
    assertThat(list("sessions"))
        .hasSize(2)
        .allSatisfy(row -> assertThat(row.path("connections")).hasSize(1));
    assertThat(list("opens"))
        .hasSize(3)
        .allSatisfy(row -> assertThat(row.path("access").asText()).isEqualTo("both"));
    JsonNode lock = list("locks").getFirst();
    assertThat(lock.path("offset").asText()).isEqualTo("100");
    assertThat(lock.path("length").asText()).isEqualTo("50");
    assertThat(lock.path("mode").asText()).isEqualTo("write");
    assertThat(lock.path("client").asText()).isEqualTo(idOf("bob"));
    assertThat(list("devices"))
        .extracting(row -> row.path("kind").asText())
        .containsExactly("rdma", "storage");
    JsonNode seal = list("seals", "export", "one").getFirst();
    assertThat(seal.path("path").asText()).isEqualTo("/f");
    assertThat(seal.path("state").asText()).isEqualTo("sealed");
    assertThat(seal.path("mode").asText()).isEqualTo("exclusive");
  }

  @Test
  void filtersNarrowEachOtherDown() throws Exception {
    assertThat(list("layouts")).hasSize(3);
    assertThat(list("layouts", "client", idOf("alice"))).hasSize(2);
    assertThat(list("layouts", "export", "two")).hasSize(2);
    assertThat(list("layouts", "export", "two", "client", idOf("bob"))).hasSize(1);
    Path file = server.of("one").resolve("f");
    List<JsonNode> ofFile = list("layouts", "file", file.toString());
    assertThat(ofFile).hasSize(1);
    assertThat(list("layouts", "file", ofFile.getFirst().path("file").asText())).isEqualTo(ofFile);
    assertThat(list("opens", "file", file.toString())).hasSize(1);
    assertThat(list("layouts", "state", "granted")).hasSize(3);
    assertThat(list("layouts", "state", "recalled")).isEmpty();
    String device = list("devices").getLast().path("id").asText();
    assertThat(list("layouts", "device", device)).hasSize(3);
    assertThat(list("seals", "client", idOf("bob")))
        .extracting(row -> row.path("path").asText())
        .containsExactly("/g");
    assertThat(list("seals", "client", "1")).isEmpty();
    Answer limited = ask(AdminRequest.of("layouts", Map.of(), List.of(), 2));
    assertThat(limited.rows).hasSize(2);
    assertThat(limited.end.path("truncated").asBoolean()).isTrue();
    assertThat(list("exports", "id", "one")).hasSize(1);
  }

  @Test
  void whatIsNotThereIsSaid() {
    assertThat(refused(AdminRequest.of("exports", Map.of("id", "three"), List.of(), 0)).code())
        .isEqualTo(Code.NOT_FOUND);
    assertThat(refused(AdminRequest.of("layouts", Map.of("export", "three"), List.of(), 0)))
        .hasMessageContaining("there are");
    assertThat(refused(AdminRequest.of("layouts", Map.of("file", "/none/of"), List.of(), 0)).code())
        .isEqualTo(Code.NOT_FOUND);
    assertThat(refused(AdminRequest.of("layouts", Map.of("file", "f"), List.of(), 0)).code())
        .isEqualTo(Code.BAD_REQUEST);
    assertThat(refused(AdminRequest.of("layouts", Map.of("client", "bob"), List.of(), 0)).code())
        .isEqualTo(Code.BAD_REQUEST);
    assertThat(refused(AdminRequest.of("recall")).code()).isEqualTo(Code.BAD_REQUEST);
    assertThat(refused(AdminRequest.of("expire", Map.of("client", "1"), List.of(), 0)).code())
        .isEqualTo(Code.NOT_FOUND);
    assertThat(refused(AdminRequest.of("nonsense"))).hasMessageContaining("there are status");
  }

  /** Whatever a row's state is, its list knows it: rows by state, all states together, are all. */
  @Test
  void eachRowIsInAStateThatItsListKnows() throws Exception {
    for (ListKind kind : ListKind.values()) {
      if (kind.states().isEmpty()) {
        continue;
      }
      List<JsonNode> byState = new ArrayList<>();
      for (String state : kind.states()) {
        byState.addAll(list(kind.command(), "state", state));
      }
      if (kind != ListKind.RECALLS && kind != ListKind.DELEGATIONS) {
        assertThat(byState).as(kind.command()).isNotEmpty();
      }
      assertThat(byState).as(kind.command()).hasSameSizeAs(list(kind.command()));
    }
  }

  @Test
  void filterThatCouldMatchNothingIsRefusedWithWhatThereIs() {
    assertThat(refused(AdminRequest.of("layouts", Map.of("state", "grantd"), List.of(), 0)))
        .hasMessage(
            "'grantd' is no state in the list layouts; there are granted, recalled, returning,"
                + " fencing")
        .extracting(AdminException::code)
        .isEqualTo(Code.BAD_REQUEST);
    assertThat(refused(AdminRequest.of("seals", Map.of("state", "unsealed"), List.of(), 0)))
        .hasMessageContaining("sealing, sealed, recalling, fencing, unsealing");
    assertThat(refused(AdminRequest.of("clients", Map.of("export", "one"), List.of(), 0)))
        .hasMessage("the list clients is not narrowed down by export; it is by client, state");
    assertThat(refused(AdminRequest.of("badblocks", Map.of("state", "bad"), List.of(), 0)))
        .hasMessage("the list badblocks has no filter");
    for (String command : List.of("layouts", "fence")) {
      assertThat(refused(AdminRequest.of(command, Map.of("device", "0:1"), List.of(), 0)))
          .as(command)
          .hasMessageStartingWith("no export is on the device '0:1'; they are on ")
          .extracting(AdminException::code)
          .isEqualTo(Code.NOT_FOUND);
    }
  }

  @Test
  void recallOfAClientTakesItsLayoutsAndNoOthers() throws Exception {
    Answer answer = ask(AdminRequest.of("recall", Map.of("client", idOf("alice")), List.of(), 0));
    assertThat(answer.end.path("layouts").asInt()).isEqualTo(2);
    assertThat(answer.end.path("complete").asBoolean()).isTrue();
    assertThat(list("layouts"))
        .extracting(row -> row.path("client").asText())
        .containsExactly(idOf("bob"));
  }

  @Test
  void fenceOfAnExportLeavesTheOtherAlone() throws Exception {
    Answer answer = ask(AdminRequest.of("fence", Map.of("export", "two"), List.of(), 0));
    assertThat(answer.end.path("layouts").asInt()).isEqualTo(2);
    assertThat(answer.end.path("complete").asBoolean()).isTrue();
    assertThat(list("layouts"))
        .extracting(row -> row.path("export").asText())
        .containsExactly("one");
    assertThat(list("opens")).as("opens stay").hasSize(3);
  }

  @Test
  void fenceOfAFileByItsPath() throws Exception {
    String file = server.of("one").resolve("f").toString();
    ask(AdminRequest.of("fence", Map.of("file", file), List.of(), 0));
    assertThat(list("layouts", "file", file)).isEmpty();
    assertThat(list("layouts")).hasSize(2);
  }

  @Test
  void fenceOfAnRdmaDeviceTakesEveryLayout() throws Exception {
    String device = list("devices").getFirst().path("id").asText();
    assertThat(list("layouts", "device", device)).hasSize(3);
    ask(AdminRequest.of("fence", Map.of("device", device), List.of(), 0));
    assertThat(list("layouts")).isEmpty();
  }

  @Test
  void clientThatIsExpiredIsGoneWithAllItHad() throws Exception {
    String bobs = idOf("bob");
    ask(AdminRequest.of("expire", Map.of("client", bobs), List.of(), 0));
    assertThat(list("clients")).hasSize(1);
    assertThat(list("layouts", "client", bobs)).isEmpty();
    assertThat(list("layouts")).hasSize(2);
    assertThat(alice.read(two.handle(), two.stateid(), 0, 10).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void drainRecallsEverythingAndEndsTheServer() throws Exception {
    Answer answer = ask(AdminRequest.of("drain"));
    assertThat(answer.progress.getFirst()).contains("3 layouts");
    assertThat(answer.end.path("message").asText()).contains("stops");
    CompletableFuture<Void> stopped =
        CompletableFuture.runAsync(() -> {
          try {
            server.server().awaitStopped();
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
    stopped.get(300, TimeUnit.SECONDS);
    assertThat(socket()).doesNotExist();
  }

  @Test
  void drainOfWhoIsGoneMeanwhileEndsTheServerToo() throws Exception {
    try (SocketChannel channel = raw()) {
      send(channel, "{\"command\":\"drain\"}\n");
      assertThat(receive(channel)).startsWith("{\"progress\"");
    }
    CompletableFuture.runAsync(
            () -> {
              try {
                server.server().awaitStopped();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            })
        .get(300, TimeUnit.SECONDS);
    assertThat(socket()).doesNotExist();
  }

  @Test
  void graceThatIsStartedHoldsNewOpensOff() throws Exception {
    ask(AdminRequest.of("grace", Map.of("action", "start"), List.of(), 0));
    assertThat(ask(AdminRequest.of("status")).end.path("inGrace").asBoolean()).isTrue();
    assertThat(bob.open(bob.handleOf("one"), "f", BOTH, DENY_NONE).status())
        .isEqualTo("NFS4ERR_GRACE");
    ask(AdminRequest.of("grace", Map.of("action", "end"), List.of(), 0));
    assertThat(bob.open(bob.handleOf("one"), "f", BOTH, DENY_NONE).status()).isEqualTo("NFS4_OK");
    assertThat(refused(AdminRequest.of("grace", Map.of("action", "end"), List.of(), 0)).code())
        .isEqualTo(Code.REFUSED);
  }

  @Test
  void listsAreSoundWhileLayoutsComeAndGo() throws Exception {
    String bobs = idOf("bob");
    List<CompletableFuture<Void>> lookers = new ArrayList<>();
    AtomicBoolean over = new AtomicBoolean();
    for (int i = 0; i < 3; i++) {
      lookers.add(
          CompletableFuture.runAsync(() -> {
            try {
              do {
                assertThat(list("layouts"))
                    .as("what stays is there once")
                    .filteredOn(row -> row.path("client").asText().equals(bobs))
                    .hasSize(1);
                assertThat(list("seals")).hasSizeLessThanOrEqualTo(2);
                assertThat(list("opens", "client", bobs)).hasSize(1);
              } while (!over.get());
            } catch (Exception e) {
              throw new IllegalStateException(e);
            }
          }));
    }
    for (int i = 0; i < 100; i++) {
      HeldLayout.get(alice, one.handle(), one.stateid(), LayoutConst4.LAYOUTIOMODE4_RW).giveBack();
    }
    over.set(true);
    for (CompletableFuture<Void> looker : lookers) {
      looker.get(300, TimeUnit.SECONDS);
    }
  }

  // ---------------------------------------------------------------- bad manners

  private SocketChannel raw() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(socket()));
  }

  private static void send(SocketChannel channel, String text) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(UTF_8));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static String receive(SocketChannel channel) throws IOException {
    StringBuilder text = new StringBuilder();
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    while (text.indexOf("\n") < 0 && channel.read(buffer.clear()) >= 0) {
      text.append(UTF_8.decode(buffer.flip()));
    }
    return text.toString();
  }

  @Test
  void whatIsNoRequestIsAnsweredAndTheNextOneIsToo() throws Exception {
    try (SocketChannel channel = raw()) {
      for (String line :
          List.of(
              "",
              "{",
              "null",
              "[1]",
              "{\"command\":5}",
              "{\"command\":\"status\",\"command\":\"drain\"}",
              "{\"command\":\"status\"} {}",
              "{\"command\":\"layouts\",\"limit\":-1}",
              "{\"command\":\"layouts\",\"all\":\"yes\"}",
              "{\"comand\":\"status\"}",
              "\0\1\2\377")) {
        send(channel, line + "\n");
        assertThat(receive(channel)).as(line).startsWith("{\"error\":{\"code\":\"bad_request\"");
      }
      send(channel, "{\"command\":\"status\"}\n");
      assertThat(receive(channel)).startsWith("{\"done\":{\"version\"");
    }
  }

  @Test
  void requestOfAnyLengthEndsTheConnectionOnly() throws Exception {
    try (SocketChannel channel = raw()) {
      send(channel, "x".repeat(65_537));
      assertThat(receive(channel)).contains("longer than 65536");
      assertThat(channel.read(ByteBuffer.allocate(1))).isEqualTo(-1);
    }
    assertThat(list("layouts")).hasSize(3);
  }

  @Test
  void whoDoesNotReadIsInNobodysWay() throws Exception {
    try (SocketChannel channel = raw()) {
      channel.configureBlocking(false);
      ByteBuffer question =
          ByteBuffer.wrap("{\"command\":\"layouts\"}\n".repeat(200).getBytes(UTF_8));
      // Until neither side takes any more: the answers fill the one buffer, the questions the
      // other.
      while (channel.write(question) > 0) {
        if (!question.hasRemaining()) {
          question.rewind();
        }
      }
      assertThat(list("layouts")).hasSize(3);
      ask(AdminRequest.of("fence", Map.of(), List.of("all"), 0));
      assertThat(list("layouts")).isEmpty();
      assertThat(alice.read(one.handle(), one.stateid(), 0, 10).status()).isEqualTo("NFS4_OK");
    }
  }

  @Test
  void oneMoreThanFitsIsToldSo() throws Exception {
    List<SocketChannel> channels = new ArrayList<>();
    try {
      for (int i = 0; i < 16; i++) {
        channels.add(raw());
        send(channels.getLast(), "{\"command\":\"status\"}\n");
        assertThat(receive(channels.getLast())).startsWith("{\"done\"");
      }
      channels.add(raw());
      assertThat(receive(channels.getLast())).contains("16 administrators are connected");
    } finally {
      for (SocketChannel channel : channels) {
        channel.close();
      }
    }
  }

  @Test
  void socketIsOnlyTheServersOwn() throws Exception {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket())))
        .isEqualTo("rw-------");
    server.server().close();
    assertThat(socket()).doesNotExist();
  }
}
