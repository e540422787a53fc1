package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.server.admin.AdminClient;
import io.selkie.server.admin.AdminRequest;
import io.selkie.server.admin.AdminService;
import io.selkie.server.admin.ListKind;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: over HTTP one sees and does what selkie ctl shows and does. */
@Timeout(600)
class HttpApiTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String TOKEN = "0123456789abcdef0123456789abcdef";

  @TempDir private Path secrets;
  private final HttpClient http = HttpClient.newHttpClient();
  private TwoExports server;
  private FileCalls alice;
  private Opened file;

  @BeforeEach
  void start() throws IOException {
    Path token = Files.writeString(secrets.resolve("token"), TOKEN);
    Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-------"));
    server =
        new TwoExports(
            new LinuxKernel(),
            500,
            "{enabled: false}\nhttp: {listen: '127.0.0.1:0', tokenFile: '%s'}".formatted(token),
            new String[] {"one", "two"});
    Files.write(server.of("one").resolve("f"), new byte[8192]);
    alice = server.client("alice");
    file = alice.open(alice.handleOf("one"), "f", BOTH, DENY_NONE);
    HeldLayout.get(alice, file.handle(), file.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
  }

  @AfterEach
  void stop() throws IOException {
    http.close();
    server.close();
  }

  private HttpRequest.Builder request(String path) {
    String address = "127.0.0.1:" + server.server().httpAddress().orElseThrow().getPort();
    return HttpRequest.newBuilder(URI.create("http://" + address + path))
        .header("Authorization", "Bearer " + TOKEN);
  }

  private String text(String path) throws Exception {
    HttpResponse<String> response = http.send(request(path).build(), BodyHandlers.ofString());
    assertThat(response.statusCode()).as(path + ": " + response.body()).isEqualTo(200);
    return response.body();
  }

  private JsonNode get(String path) throws Exception {
    return JSON.readTree(text("/api/v1/" + path));
  }

  private HttpResponse<String> post(String path, String body) throws Exception {
    return http.send(
        request("/api/v1/" + path)
            .header("Content-Type", "application/json")
            .POST(BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofString());
  }

  private List<JsonNode> byTheSocket(String command) throws Exception {
    List<JsonNode> rows = new ArrayList<>();
    try (AdminClient client = AdminClient.connect(server.server().adminSocket().orElseThrow())) {
      client.ask(
          AdminRequest.of(command),
          new AdminClient.Reader() {
            @Override
            public void row(byte[] json, int offset, int length) throws IOException {
              rows.add(JSON.readTree(json, offset, length));
            }

            @Override
            public void progress(String text) {}
          });
    }
    return rows;
  }

  @Test
  void listsAreThoseOfTheSocket() throws Exception {
    for (String list :
        List.of("exports", "layouts", "seals", "opens", "devices", "locks", "latencies")) {
      JsonNode answer = get(list);
      assertThat(answer.path("rows")).as(list).containsExactlyElementsOf(byTheSocket(list));
      assertThat(answer.path("done").path("rows").asInt()).isEqualTo(answer.path("rows").size());
    }
    assertThat(get("status").path("layouts").asInt()).isOne();
    assertThat(get("layouts?export=two").path("rows")).isEmpty();
    JsonNode layout = get("layouts?export=one&limit=5").path("rows").get(0);
    assertThat(get("layouts/" + layout.path("stateid").asText())).isEqualTo(layout);
    assertThat(get("exports/one").path("name").asText()).isEqualTo("one");
  }

  @Test
  void documentAndRoutesSayTheSame() throws Exception {
    JsonNode paths = get("openapi.json").path("paths");
    for (String command : AdminService.COMMANDS) {
      assertThat(paths.has("/api/v1/" + command)).as(command + " is described").isTrue();
    }
    for (Map.Entry<String, JsonNode> path : paths.properties()) {
      String asked = path.getKey().replace("{id}", "none");
      for (String method : List.of("get", "post")) {
        HttpRequest.Builder request = request(asked).header("Content-Type", "application/json");
        HttpResponse<InputStream> answer =
            http.send(
                (method.equals("get")
                        ? request.GET()
                        : request.POST(BodyPublishers.ofString("{\"unknown\":1}")))
                    .build(),
                BodyHandlers.ofInputStream());
        try (InputStream body = answer.body()) {
          boolean described = path.getValue().has(method);
          String what = method + " " + asked;
          if (!described) {
            assertThat(answer.statusCode()).as(what).isEqualTo(405);
          } else if (answer.statusCode() == 404) {
            assertThat(new String(body.readAllBytes(), UTF_8)).as(what).contains("none of 'none'");
          } else {
            assertThat(answer.statusCode()).as(what).isIn(200, 400);
          }
        }
      }
    }
  }

  @Test
  void stateThatThereIsNotIsRefusedAsTheDocumentSays() throws Exception {
    HttpResponse<String> answer =
        http.send(request("/api/v1/layouts?state=grantd").build(), BodyHandlers.ofString());
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(JSON.readTree(answer.body()).path("error").path("message").asText())
        .contains("'grantd'", "granted, recalled, returning, fencing");

    JsonNode paths = get("openapi.json").path("paths");
    for (ListKind kind : ListKind.values()) {
      List<String> told = new ArrayList<>();
      for (JsonNode parameter : paths.at("/~1api~1v1~1" + kind.command() + "/get/parameters")) {
        if (parameter.path("name").asText().equals("state")) {
          parameter.at("/schema/enum").forEach(state -> told.add(state.asText()));
        }
      }
      assertThat(told).as(kind.command()).isEqualTo(kind.states());
    }
    assertThat(
            paths.at(
                "/~1api~1v1~1grace/post/requestBody/content/application~1json/schema/properties"
                    + "/action/enum"))
        .extracting(JsonNode::asText)
        .containsExactly("start", "end");
  }

  @Test
  void allOfAFileIsInOneAnswer() throws Exception {
    JsonNode facts = get("file?file=" + encoded(server.of("one").resolve("f")));
    assertThat(facts.path("path").asText()).isEqualTo("/f");
    assertThat(facts.path("seal").path("state").asText()).isEqualTo("sealed");
    assertThat(facts.path("layouts")).containsExactlyElementsOf(get("layouts").path("rows"));
    assertThat(facts.path("opens")).containsExactlyElementsOf(get("opens").path("rows"));
    assertThat(facts.path("map").path("sizeBytes").asLong()).isEqualTo(8192);
    assertThat(facts.path("extents")).isNotEmpty();
    assertThat(facts.path("truncated").asBoolean()).isFalse();

    Files.write(server.of("one").resolve("closed"), new byte[1]);
    JsonNode closed = get("file?file=" + encoded(server.of("one").resolve("closed")));
    assertThat(closed.path("map").isNull()).isTrue();
    assertThat(closed.path("opens")).isEmpty();
    assertThat(closed.path("file").asText()).matches("\\d+:\\d+:\\d+");
  }

  private static String encoded(Path path) {
    return URLEncoder.encode(path.toString(), UTF_8);
  }

  @Test
  void recallWantsToBeConfirmed() throws Exception {
    HttpResponse<String> unconfirmed = post("recall", "{\"all\":true}");
    assertThat(unconfirmed.statusCode()).isEqualTo(409);
    assertThat(unconfirmed.body()).contains("\\\"confirm\\\": true");
    assertThat(get("status").path("layouts").asInt()).isOne();

    HttpResponse<String> done = post("fence", "{\"export\":\"one\",\"confirm\":true}");
    assertThat(done.statusCode()).as(done.body()).isEqualTo(200);
    assertThat(JSON.readTree(done.body()).path("complete").asBoolean()).isTrue();
    assertThat(get("status").path("layouts").asInt()).isZero();
  }

  @Test
  void mistakesOfABodyAreSaid() throws Exception {
    assertThat(post("recall", "{").body()).contains("is not JSON");
    assertThat(post("recall", "[]").body()).contains("is not an object");
    assertThat(post("recall", "{\"all\":true,\"all\":true}").body()).contains("not JSON");
    assertThat(post("recall", "{\"al\":true,\"confirm\":true}").body()).contains("not known");
    assertThat(post("recall", "{\"all\":1,\"confirm\":true}").body()).contains("neither true");
    assertThat(post("expire", "{\"confirm\":true}").body()).contains("\\\"client\\\" is missing");
    assertThat(post("expire", "{\"client\":\"zz\",\"confirm\":true}").statusCode()).isEqualTo(400);
    assertThat(post("recall", "{\"client\":\"1\",\"confirm\":true}").statusCode()).isEqualTo(404);
    assertThat(post("reload", "{\"dryRun\":true}").statusCode()).isEqualTo(409);
    HttpResponse<String> form =
        http.send(
            request("/api/v1/drain")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString("confirm=true"))
                .build(),
            BodyHandlers.ofString());
    assertThat(form.statusCode()).isEqualTo(415);
    assertThat(get("status").path("state").asText()).isEqualTo("running");
  }

  @Test
  void metricsAreInBaseUnitsWithOnePrefix() throws Exception {
    post("fence", "{\"all\":true,\"confirm\":true}");
    String text = text("/metrics");
    assertThat(text)
        .contains("selkie_layouts_granted_total 1.0")
        .contains("selkie_seals_taken_total 1.0")
        .contains("# TYPE selkie_seals gauge")
        .contains("# TYPE selkie_direct_read_bytes_total counter")
        .contains("# TYPE selkie_fence_seconds histogram")
        .contains("selkie_fence_seconds_bucket{le=\"+Inf\"} 1")
        .contains("selkie_fence_seconds_count 1")
        .contains("selkie_nfs_operations_total{op=\"open\",status=\"nfs4_ok\"} 1.0")
        .contains("selkie_build_info{");
    assertThat(text.lines().filter(line -> !line.startsWith("#")))
        .isNotEmpty()
        .allMatch(line -> line.startsWith("selkie_"))
        .noneMatch(line -> line.contains("_nanos"));
  }

  private String firstMessage(String path) throws Exception {
    HttpResponse<InputStream> response =
        http.send(request(path).build(), BodyHandlers.ofInputStream());
    assertThat(response.headers().firstValue("content-type")).contains("text/event-stream");
    try (var reader = new BufferedReader(new InputStreamReader(response.body(), UTF_8))) {
      return reader.readLine();
    }
  }

  @Test
  void eventsAreToldWhileTheyHappen() throws Exception {
    HttpResponse<InputStream> response =
        http.send(request("/api/v1/stream").build(), BodyHandlers.ofInputStream());
    try (var reader = new BufferedReader(new InputStreamReader(response.body(), UTF_8))) {
      assertThat(reader.readLine()).startsWith(":");
      post("fence", "{\"all\":true,\"confirm\":true}");
      String line = reader.readLine();
      while (!line.contains("seal_released")) {
        line = reader.readLine();
      }
      assertThat(line).startsWith("data: {");
    }
  }

  @Test
  void blockMapOfAFileShowsWhereItIsStored() throws Exception {
    String name = URLEncoder.encode(server.of("one").resolve("f").toString(), UTF_8);
    JsonNode map = get("map?file=" + name);
    assertThat(map.path("done").path("sizeBytes").asLong()).isEqualTo(8192);
    assertThat(map.path("done").path("path").asText()).isEqualTo("/f");
    long stored = 0;
    for (JsonNode extent : map.path("rows")) {
      stored += extent.path("length").asLong();
    }
    assertThat(stored).isEqualTo(8192);
    Path other = Files.write(server.of("one").resolve("g"), new byte[10]);
    HttpResponse<String> closed =
        http.send(
            request("/api/v1/map?file=" + URLEncoder.encode(other.toString(), UTF_8)).build(),
            BodyHandlers.ofString());
    assertThat(closed.statusCode()).isEqualTo(409);
    assertThat(closed.body()).contains("is not open");
  }

  @Test
  void fenceIsToldStepByStepWithItsLatency() throws Exception {
    post("fence", "{\"all\":true,\"confirm\":true}");
    JsonNode trace = get("recalls").path("rows").get(0);
    assertThat(trace.path("outcome").asText()).isEqualTo("fenced");
    assertThat(trace.path("path").asText()).isEqualTo("/f");
    assertThat(trace.path("steps"))
        .extracting(step -> step.path("step").asText())
        .contains("fence_begun", "handle_invalidated", "seal_released");
    JsonNode latency = get("latencies/fence");
    assertThat(latency.path("count").asLong()).isOne();
    long counted = 0;
    for (JsonNode bucket : latency.path("buckets")) {
      counted += bucket.path("count").asLong();
    }
    assertThat(counted).isOne();
  }

  @Test
  void exportsSayWhatTheyLieOn() throws Exception {
    JsonNode export = get("exports/one");
    assertThat(export.path("fileSystem").asText()).isNotEmpty().isNotEqualTo("unknown");
    assertThat(export.path("dax").asText()).isIn("always", "inode", "never", "unknown");
    assertThat(export.path("direct").asBoolean()).isTrue();
  }

  @Test
  void pageComesWithoutTheTokenAndLoadsNothingFromElsewhere() throws Exception {
    String base = "http://127.0.0.1:" + server.server().httpAddress().orElseThrow().getPort();
    for (String path : List.of("/", "/page/app.js", "/page/style.css", "/page/blockmap.js")) {
      HttpRequest asked = HttpRequest.newBuilder(URI.create(base + path)).build();
      HttpResponse<String> response = http.send(asked, BodyHandlers.ofString());
      assertThat(response.statusCode()).as(path).isEqualTo(200);
      assertThat(response.headers().firstValue("content-security-policy").orElse(""))
          .contains("default-src 'none'");
      assertThat(response.body().replace("http://www.w3.org/2000/svg", "")).doesNotContain("://");
    }
  }

  /** Each documented path is there, and each route is documented: the document is not a promise. */
  @Test
  void openApiSaysWhatThereIs() throws Exception {
    JsonNode document = get("openapi.json");
    List<String> lists = new ArrayList<>();
    for (var path : document.path("paths").properties()) {
      if (path.getKey().endsWith("/stream")) {
        assertThat(firstMessage(path.getKey())).startsWith(":");
        continue;
      }
      if (!path.getValue().has("get")) {
        HttpResponse<String> response =
            http.send(request(path.getKey()).build(), BodyHandlers.ofString());
        assertThat(response.statusCode()).as(path.getKey()).isEqualTo(405);
        continue;
      }
      String asked = path.getKey().replace("{id}", "none");
      HttpResponse<String> response = http.send(request(asked).build(), BodyHandlers.ofString());
      if (path.getKey().contains("{id}")) {
        assertThat(response.body()).as(asked).contains("there is none of 'none'");
      } else if (response.statusCode() == 200) {
        lists.add(path.getKey());
        for (JsonNode row : JSON.readTree(response.body()).path("rows")) {
          String schema =
              path.getValue()
                  .at("/get/responses/200/content/application~1json/schema/properties/rows/items")
                  .path("$ref")
                  .asText();
          JsonNode properties = document.at(schema.substring(1) + "/properties");
          assertThat(row.fieldNames())
              .toIterable()
              .as(path.getKey())
              .containsExactlyInAnyOrderElementsOf(() -> properties.fieldNames());
        }
      } else {
        assertThat(response.body()).as(asked).contains("file");
      }
    }
    assertThat(lists).contains("/api/v1/status", "/api/v1/layouts").hasSizeGreaterThan(9);
  }

  @Test
  void whoDoesNotKnowTheTokenSeesHealthOnly() throws Exception {
    String base = "http://127.0.0.1:" + server.server().httpAddress().orElseThrow().getPort();
    for (String path : List.of("/metrics", "/api/v1/status", "/api/v1/layouts")) {
      HttpRequest asked = HttpRequest.newBuilder(URI.create(base + path)).build();
      assertThat(http.send(asked, BodyHandlers.ofString()).statusCode()).as(path).isEqualTo(401);
    }
    for (String path : List.of("/healthz", "/readyz")) {
      HttpRequest asked = HttpRequest.newBuilder(URI.create(base + path)).build();
      assertThat(http.send(asked, BodyHandlers.ofString()).statusCode()).as(path).isEqualTo(200);
    }
  }
}
