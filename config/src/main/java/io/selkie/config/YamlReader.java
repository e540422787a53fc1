package io.selkie.config;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import io.selkie.config.Node.Entry;
import io.selkie.config.Node.Mapping;
import io.selkie.config.Node.Place;
import io.selkie.config.Node.Scalar;
import io.selkie.config.Node.Sequence;
import java.io.IOException;
import java.util.Optional;

/**
 * Turns YAML into {@link Node}s. Jackson's own trees forget where a value stood and let the second
 * of two equal keys win, which is why the tokens are read one by one.
 */
public final class YamlReader {

  private static final int DEPTH_MAX = 16;

  private final Problems problems;

  /** Notes what is wrong there. */
  public YamlReader(Problems problems) {
    this.problems = problems;
  }

  /** Reads the one document of a text; empty after an error that leaves nothing to go on with. */
  public Optional<Node> read(String text) {
    YAMLFactory factory =
        YAMLFactory.builder()
            .streamReadConstraints(
                StreamReadConstraints.builder().maxNestingDepth(DEPTH_MAX).build())
            .build();
    try (YAMLParser parser = factory.createParser(text)) {
      if (parser.nextToken() == null) {
        return Optional.of(new Mapping(new Place(1, 1)));
      }
      Node node = node(parser, "");
      if (parser.nextToken() != null) {
        problems.at(
            place(parser), "", "a second document begins here", "keep everything in one document");
      }
      return Optional.of(node);
    } catch (JsonProcessingException e) {
      JsonLocation location = e.getLocation();
      Place place =
          location == null
              ? new Place(1, 1)
              : new Place(Math.max(1, location.getLineNr()), Math.max(1, location.getColumnNr()));
      String message = e.getOriginalMessage().lines().findFirst().orElse("not YAML");
      problems.at(place, "", "is not YAML: " + message, "mend the line");
      return Optional.empty();
    } catch (IOException e) {
      problems.at(new Place(1, 1), "", "cannot be parsed: " + e.getMessage(), "mend the file");
      return Optional.empty();
    }
  }

  private Node node(YAMLParser parser, String path) throws IOException {
    Place place = place(parser);
    if (parser.getObjectId() != null || parser.isCurrentAlias()) {
      problems.at(place, path, "anchors and aliases are not used here", "write the value out");
    }
    return switch (parser.currentToken()) {
      case START_OBJECT -> mapping(parser, new Mapping(place), path);
      case START_ARRAY -> sequence(parser, new Sequence(place), path);
      case VALUE_NULL -> new Scalar(place, null, false);
      // An empty text is no value anywhere in the configuration.
      case VALUE_STRING -> {
        String text = parser.getText();
        yield new Scalar(place, text.isEmpty() ? null : text, true);
      }
      default -> new Scalar(place, parser.getText(), false);
    };
  }

  private Mapping mapping(YAMLParser parser, Mapping into, String path) throws IOException {
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      Place keyPlace = place(parser);
      String keyPath = path.isEmpty() ? key : path + "." + key;
      parser.nextToken();
      Node value = node(parser, keyPath);
      Entry first = into.entries().putIfAbsent(key, new Entry(keyPlace, value));
      if (first != null) {
        problems.at(
            keyPlace,
            keyPath,
            "stands here a second time, the first was in line " + first.place().line(),
            "remove one of them");
      }
    }
    return into;
  }

  private Sequence sequence(YAMLParser parser, Sequence into, String path) throws IOException {
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      into.items().add(node(parser, path + "[" + into.items().size() + "]"));
    }
    return into;
  }

  private static Place place(YAMLParser parser) {
    JsonLocation location = parser.currentTokenLocation();
    return new Place(location.getLineNr(), location.getColumnNr());
  }
}
