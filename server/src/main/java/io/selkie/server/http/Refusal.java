package io.selkie.server.http;

import com.fasterxml.jackson.annotation.JsonIgnore;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.selkie.server.admin.AdminException;
import java.util.List;
import java.util.Locale;

/**
 * A request that is not served, and why; in JSON the same as by the Unix socket.
 *
 * @param status of HTTP
 * @param code for programs
 * @param message for people: what is wrong, and what to do
 * @param details more lines
 */
record Refusal(
    @JsonIgnore HttpResponseStatus status, String code, String message, List<String> details) {

  Refusal(HttpResponseStatus status, String code, String message) {
    this(status, code, message, List.of());
  }

  static Refusal bad(String message) {
    return new Refusal(HttpResponseStatus.BAD_REQUEST, "bad_request", message);
  }

  static Refusal notFound(String message) {
    return new Refusal(HttpResponseStatus.NOT_FOUND, "not_found", message);
  }

  static Refusal of(AdminException why) {
    HttpResponseStatus status =
        switch (why.code()) {
          case BAD_REQUEST -> HttpResponseStatus.BAD_REQUEST;
          case FORBIDDEN -> HttpResponseStatus.FORBIDDEN;
          case NOT_FOUND -> HttpResponseStatus.NOT_FOUND;
          case REFUSED -> HttpResponseStatus.CONFLICT;
          case FAILED -> HttpResponseStatus.INTERNAL_SERVER_ERROR;
        };
    return new Refusal(
        status, why.code().name().toLowerCase(Locale.ROOT), why.getMessage(), why.details());
  }
}
