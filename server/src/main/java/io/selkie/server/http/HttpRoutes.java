package io.selkie.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.selkie.server.admin.ServerControl;
import io.selkie.server.http.ApiRoute.Shape;
import io.selkie.server.http.HttpAccess.Want;
import io.selkie.server.metrics.PrometheusText;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;

/** Which request is answered by what. Called on the event loop; what may block is handed on. */
final class HttpRoutes implements AutoCloseable {

  private static final int PARAMETERS_MAX = 32;
  private static final String TEXT_TYPE = "text/plain; charset=utf-8";

  private final HttpAccess access;
  private final ServerControl control;
  private final ApiAnswers api;
  private final PrometheusText metrics;
  private final ExecutorService lists;
  private final ExecutorService disks;
  private final ExecutorService changes;
  private final PageFiles page = new PageFiles();
  private final LiveEvents events;
  private final ApiDocument document;

  HttpRoutes(
      HttpParts parts,
      HttpAccess access,
      HttpLimits limits,
      ExecutorService lists,
      ExecutorService disks,
      ExecutorService changes) {
    this.access = access;
    this.control = parts.control();
    this.api = new ApiAnswers(parts.service());
    this.lists = lists;
    this.disks = disks;
    this.changes = changes;
    ServerControl.Facts facts = control.facts();
    this.metrics =
        new PrometheusText(
            parts.metrics(), facts.version(), facts.startedAt().toEpochMilli() / 1e3);
    this.document = new ApiDocument(facts.version());
    this.events = new LiveEvents(parts.metrics(), parts.timers(), limits.streamsMax());
  }

  /** Serves one; the request is the caller's again when this returns. */
  void serve(FullHttpRequest request, HttpAnswer answer) {
    Request parsed;
    try {
      parsed = Request.of(request);
    } catch (IllegalArgumentException _) {
      answer.refuse(Refusal.bad("the path or a parameter is not well encoded"));
      return;
    }
    Optional<Refusal> refusal = access.refuses(request.headers(), wanted(parsed));
    if (refusal.isPresent()) {
      answer.refuse(refusal.get());
      return;
    }
    if (parsed.path.startsWith(ApiRoute.ROOT)) {
      api(request, parsed, answer);
    } else {
      other(request, parsed, answer);
    }
  }

  /**
   * A request's line.
   *
   * @param path not decoded, so that a slash in an id stays part of it
   */
  private record Request(HttpMethod method, String path, Map<String, List<String>> parameters) {
    static Request of(FullHttpRequest request) {
      QueryStringDecoder query =
          new QueryStringDecoder(request.uri(), UTF_8, true, PARAMETERS_MAX, true);
      return new Request(request.method(), query.rawPath(), query.parameters());
    }

    boolean gets() {
      return method.equals(HttpMethod.GET);
    }
  }

  private static Want wanted(Request request) {
    return switch (request.path) {
      case "/healthz", "/readyz", ApiRoute.ROOT + "openapi.json" -> Want.NOTHING;
      default ->
          request.path.equals("/metrics") || request.path.startsWith(ApiRoute.ROOT)
              ? request.gets() ? Want.LOOK : Want.CHANGE
              : Want.NOTHING;
    };
  }

  // ---------------------------------------------------------------- not of the interface

  private void other(FullHttpRequest request, Request parsed, HttpAnswer answer) {
    boolean known =
        switch (parsed.path) {
          case "/metrics", "/healthz", "/readyz" -> true;
          default -> false;
        };
    Optional<PageFiles.PageFile> file = page.at(parsed.path);
    if (file.isPresent() && parsed.gets()) {
      answer.bytes(
          HttpResponseStatus.OK, file.get().type(), file.get().content(), PageFiles.HEADERS);
      return;
    }
    if (!known) {
      answer.refuse(Refusal.notFound("there is nothing here; see /api/v1/openapi.json"));
      return;
    }
    if (!parsed.gets()) {
      answer.refuse(notAllowed("GET"));
      return;
    }
    switch (parsed.path) {
      case "/metrics" -> {
        PrometheusText.Scrape scrape =
            metrics.scrape(request.headers().get(HttpHeaderNames.ACCEPT, ""));
        answer.bytes(HttpResponseStatus.OK, scrape.contentType(), scrape.body(), Map.of());
      }
      case "/healthz" -> answer.bytes(HttpResponseStatus.OK, TEXT_TYPE, text("ok"), Map.of());
      default -> ready(answer);
    }
  }

  /** Whether new work should be sent here: not to one that drains or stops. */
  private void ready(HttpAnswer answer) {
    String state = control.facts().state();
    answer.bytes(
        state.equals("running") ? HttpResponseStatus.OK : HttpResponseStatus.SERVICE_UNAVAILABLE,
        TEXT_TYPE,
        text(state.equals("running") ? "ready" : state),
        Map.of());
  }

  private static byte[] text(String word) {
    return (word + "\n").getBytes(UTF_8);
  }

  private static Refusal notAllowed(String methods) {
    return new Refusal(
        HttpResponseStatus.METHOD_NOT_ALLOWED,
        "bad_request",
        "only " + methods + " is served here");
  }

  // ---------------------------------------------------------------- the interface

  private void api(FullHttpRequest request, Request parsed, HttpAnswer answer) {
    String rest = parsed.path.substring(ApiRoute.ROOT.length());
    boolean describes = rest.equals("openapi.json");
    if (describes || rest.equals("stream")) {
      if (!parsed.gets()) {
        answer.refuse(notAllowed("GET"));
      } else if (describes) {
        hand(
            lists,
            answer,
            () ->
                answer.bytes(
                    HttpResponseStatus.OK, HttpAnswer.JSON_TYPE, document.get(), Map.of()));
      } else {
        events.follow(answer);
      }
      return;
    }
    int slash = rest.indexOf('/');
    String name = slash < 0 ? rest : rest.substring(0, slash);
    List<ApiRoute> named = ApiRoutes.ALL.stream().filter(each -> each.name().equals(name)).toList();
    if (named.isEmpty()) {
      answer.refuse(Refusal.notFound("there is nothing here; see /api/v1/openapi.json"));
      return;
    }
    Optional<ApiRoute> route =
        named.stream().filter(each -> each.method().equals(parsed.method.name())).findFirst();
    if (route.isEmpty()) {
      answer.refuse(notAllowed(named.getFirst().method()));
      return;
    }
    Optional<String> id = Optional.empty();
    if (slash >= 0) {
      if (!route.get().hasIds()) {
        answer.refuse(Refusal.notFound(name + " has nothing below it"));
        return;
      }
      id = decoded(rest.substring(slash + 1));
      if (id.isEmpty()) {
        answer.refuse(Refusal.bad("the path is not well encoded"));
        return;
      }
    }
    if (route.get().shape() == Shape.CHANGE) {
      change(request, route.get(), answer);
    } else {
      ApiAnswers.Query query = new ApiAnswers.Query(route.get(), id, parsed.parameters);
      boolean waits = route.get().waitsForDisk(parsed.parameters.keySet());
      hand(waits ? disks : lists, answer, () -> api.look(query, answer));
    }
  }

  private static Optional<String> decoded(String text) {
    try {
      return Optional.of(QueryStringDecoder.decodeComponent(text, UTF_8));
    } catch (IllegalArgumentException _) {
      return Optional.empty();
    }
  }

  private void change(FullHttpRequest request, ApiRoute route, HttpAnswer answer) {
    CharSequence type = HttpUtil.getMimeType(request);
    if (type == null || !HttpAnswer.JSON_TYPE.contentEquals(type)) {
      answer.refuse(
          new Refusal(
              HttpResponseStatus.UNSUPPORTED_MEDIA_TYPE,
              "bad_request",
              "send an object as application/json"));
      return;
    }
    byte[] body = new byte[request.content().readableBytes()];
    request.content().readBytes(body);
    hand(changes, answer, () -> api.change(route, body, answer));
  }

  private static void hand(ExecutorService threads, HttpAnswer answer, Runnable task) {
    try {
      threads.execute(task);
    } catch (RejectedExecutionException _) {
      answer.refuse(
          new Refusal(
              HttpResponseStatus.SERVICE_UNAVAILABLE,
              "refused",
              "others have asked for so much that this would have to wait; try again"));
    }
  }

  /** Ends the streams of events; who may listen begins another. */
  void endStreams() {
    events.endStreams();
  }

  @Override
  public void close() {
    events.close();
  }
}
