package io.selkie.server.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.selkie.server.http.ApiRoute.Shape;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.util.List;

/** Writes the OpenAPI 3.1 document of the routes; schemas are the records' components. */
final class OpenApi {

  private static final String SCHEMAS = "#/components/schemas/";

  private final ObjectMapper mapper = new ObjectMapper();
  private final ObjectNode root = mapper.createObjectNode();
  private final ObjectNode schemas;

  OpenApi(List<ApiRoute> routes, String version) {
    root.put("openapi", "3.1.0");
    root.putObject("info")
        .put("title", "Selkie")
        .put("version", version)
        .put(
            "description",
            "What a Selkie server holds, and how to get it back: the same as selkie ctl.");
    ObjectNode paths = root.putObject("paths");
    ObjectNode components = root.putObject("components");
    schemas = components.putObject("schemas");
    components
        .putObject("securitySchemes")
        .putObject("token")
        .put("type", "http")
        .put("scheme", "bearer");
    root.putArray("security").addObject().putArray("token");
    error();
    events(paths);
    for (ApiRoute route : routes) {
      ObjectNode operation = operation(paths, ApiRoute.ROOT + route.name(), route);
      switch (route.shape()) {
        case OBJECT -> {
          if (!route.texts().isEmpty()) {
            parameters(operation, route);
          }
          answer(operation, reference(route.end()));
        }
        case LIST -> {
          limit(parameters(operation, route));
          answer(operation, list(route));
          if (route.hasIds()) {
            one(paths, route);
          }
        }
        case CHANGE -> {
          body(operation, route);
          answer(operation, reference(route.end()));
        }
      }
    }
  }

  /** What happens, while it happens. */
  private void events(ObjectNode paths) {
    paths
        .putObject(ApiRoute.ROOT + "stream")
        .putObject("get")
        .put("summary", "What happens to layouts, as Server-Sent Events.")
        .putObject("responses")
        .putObject("200")
        .put(
            "description",
            "A stream: each message is an object of steps, and how many are left out.")
        .putObject("content")
        .putObject("text/event-stream")
        .putObject("schema")
        .put("type", "string");
  }

  byte[] json() {
    try {
      return mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(root);
    } catch (JsonProcessingException e) {
      throw new AssertionError("a tree", e);
    }
  }

  private static ObjectNode operation(ObjectNode paths, String path, ApiRoute route) {
    return paths
        .withObjectProperty(path)
        .putObject(route.shape() == Shape.CHANGE ? "post" : "get")
        .put("summary", route.doc());
  }

  private void one(ObjectNode paths, ApiRoute route) {
    ObjectNode operation = operation(paths, ApiRoute.ROOT + route.name() + "/{id}", route);
    operation.put("summary", "One of " + route.name() + ".");
    operation
        .putArray("parameters")
        .addObject()
        .put("name", "id")
        .put("in", "path")
        .put("required", true)
        .putObject("schema")
        .put("type", "string");
    answer(operation, reference(route.row()));
  }

  private static ArrayNode parameters(ObjectNode operation, ApiRoute route) {
    ArrayNode parameters = operation.putArray("parameters");
    for (String text : route.texts()) {
      text(
          parameters
              .addObject()
              .put("name", text)
              .put("in", "query")
              .put("required", route.required().contains(text))
              .putObject("schema"),
          route.choices(text));
    }
    return parameters;
  }

  private static void text(ObjectNode schema, List<String> choices) {
    schema.put("type", "string");
    if (!choices.isEmpty()) {
      ArrayNode each = schema.putArray("enum");
      choices.forEach(each::add);
    }
  }

  private static void limit(ArrayNode parameters) {
    parameters
        .addObject()
        .put("name", "limit")
        .put("in", "query")
        .putObject("schema")
        .put("type", "integer")
        .put("minimum", 0);
  }

  private void body(ObjectNode operation, ApiRoute route) {
    ObjectNode schema = mapper.createObjectNode().put("type", "object");
    ObjectNode properties = schema.putObject("properties");
    ArrayNode required = mapper.createArrayNode();
    for (String text : route.texts()) {
      text(properties.putObject(text), route.choices(text));
    }
    for (String flag : route.flags()) {
      properties.putObject(flag).put("type", "boolean");
    }
    route.required().forEach(required::add);
    if (route.confirmed()) {
      properties.putObject("confirm").put("const", true);
      required.add("confirm");
    }
    if (!required.isEmpty()) {
      schema.set("required", required);
    }
    schema.put("additionalProperties", false);
    ObjectNode body = operation.putObject("requestBody").put("required", true);
    body.putObject("content").putObject(HttpAnswer.JSON_TYPE).set("schema", schema);
  }

  private static void answer(ObjectNode operation, ObjectNode schema) {
    ObjectNode responses = operation.putObject("responses");
    responses
        .putObject("200")
        .put("description", "It was answered, or done.")
        .putObject("content")
        .putObject(HttpAnswer.JSON_TYPE)
        .set("schema", schema);
    responses
        .putObject("default")
        .put("description", "It was not, and why.")
        .putObject("content")
        .putObject(HttpAnswer.JSON_TYPE)
        .putObject("schema")
        .put("$ref", SCHEMAS + "Error");
  }

  private ObjectNode list(ApiRoute route) {
    ObjectNode schema = mapper.createObjectNode().put("type", "object");
    ObjectNode properties = schema.putObject("properties");
    properties.putObject("rows").put("type", "array").set("items", reference(route.row()));
    properties.set("done", reference(route.end()));
    return schema;
  }

  private void error() {
    ObjectNode error = schemas.putObject("Error").put("type", "object");
    ObjectNode fields = error.putObject("properties").putObject("error").put("type", "object");
    ObjectNode properties = fields.putObject("properties");
    properties
        .putObject("code")
        .put("type", "string")
        .putArray("enum")
        .add("bad_request")
        .add("forbidden")
        .add("not_found")
        .add("refused")
        .add("failed");
    properties.putObject("message").put("type", "string");
    properties.putObject("details").put("type", "array").putObject("items").put("type", "string");
  }

  /** The schema of a record, made at its first mention. */
  private ObjectNode reference(Class<?> type) {
    String name = type.getSimpleName();
    if (!schemas.has(name)) {
      ObjectNode schema = schemas.putObject(name).put("type", "object");
      ObjectNode properties = schema.putObject("properties");
      for (RecordComponent component : type.getRecordComponents()) {
        Class<?> item = Object.class;
        if (component.getGenericType() instanceof ParameterizedType list) {
          item = (Class<?>) list.getActualTypeArguments()[0];
        }
        properties.set(component.getName(), value(component.getType(), item));
      }
    }
    return mapper.createObjectNode().put("$ref", SCHEMAS + name);
  }

  private ObjectNode value(Class<?> type, Class<?> item) {
    ObjectNode value = mapper.createObjectNode();
    if (type == boolean.class) {
      return value.put("type", "boolean");
    }
    if (type == int.class || type == long.class) {
      return value.put("type", "integer");
    }
    if (type == List.class) {
      value.put("type", "array").set("items", value(item, Object.class));
      return value;
    }
    if (type.isRecord()) {
      value.putArray("anyOf").add(reference(type)).addObject().put("type", "null");
      return value;
    }
    value.putArray("type").add(type == String.class ? "string" : "integer").add("null");
    return value;
  }
}
