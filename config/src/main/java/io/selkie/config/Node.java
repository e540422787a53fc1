package io.selkie.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A YAML document with the place of everything in it. Lines and columns count from 1. */
public sealed interface Node {

  /** Where it starts. */
  Place place();

  /** What a person calls it. */
  String kind();

  /** A place in a file. */
  record Place(int line, int column) {
    /** Of what stands in no file. */
    public static final Place NOWHERE = new Place(0, 0);
  }

  /**
   * A single value.
   *
   * @param text as written, or null
   * @param quoted whether it can only be a text
   */
  record Scalar(Place place, String text, boolean quoted) implements Node {
    @Override
    public String kind() {
      return text == null ? "nothing" : "the value '" + text + "'";
    }
  }

  /** A list. */
  record Sequence(Place place, List<Node> items) implements Node {
    /** An empty one. */
    public Sequence(Place place) {
      this(place, new ArrayList<>());
    }

    @Override
    public String kind() {
      return "a list";
    }
  }

  /** Keys and their values. */
  record Mapping(Place place, Map<String, Entry> entries) implements Node {
    /** An empty one. */
    public Mapping(Place place) {
      this(place, new LinkedHashMap<>());
    }

    @Override
    public String kind() {
      return "a group of keys";
    }
  }

  /** A key's place and its value. */
  record Entry(Place place, Node value) {}
}
