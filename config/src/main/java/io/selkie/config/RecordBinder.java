package io.selkie.config;

import io.selkie.config.Node.Entry;
import io.selkie.config.Node.Mapping;
import io.selkie.config.Node.Place;
import io.selkie.config.Node.Scalar;
import io.selkie.config.Node.Sequence;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Fills records from {@link Node}s by what their components' {@link Setting}s say. After an error
 * the default, or the smallest value allowed, stands in, so that one run finds everything that is
 * wrong; what it made may be used only if nothing was.
 */
public final class RecordBinder {

  private final Problems problems;
  private final String whole;
  private final Map<String, Place> places = new HashMap<>();

  /**
   * Notes what is wrong there.
   *
   * @param whole what keys are of, for messages: "the configuration"
   */
  public RecordBinder(Problems problems, String whole) {
    this.problems = problems;
    this.whole = whole;
  }

  /** Where a key stood, or that of its nearest parent. */
  public Place placeOf(String path) {
    for (String key = path; ; key = parentOf(key)) {
      Place place = places.get(key);
      if (place != null) {
        return place;
      }
      if (key.isEmpty()) {
        return Place.NOWHERE;
      }
    }
  }

  private static String parentOf(String path) {
    int cut = Math.max(path.lastIndexOf('.'), path.lastIndexOf('['));
    return cut < 0 ? "" : path.substring(0, cut);
  }

  /** Makes a record; {@code node} may be null, then everything has its default. */
  public <T extends Record> T bind(Class<T> type, Node node, String path) {
    Map<String, Entry> entries = Map.of();
    if (node != null) {
      places.put(path, node.place());
      if (node instanceof Mapping mapping) {
        entries = mapping.entries();
      } else if (!(node instanceof Scalar scalar && scalar.text() == null)) {
        problems.at(node.place(), path, "is " + node.kind(), "write keys and values here");
      }
    }
    RecordComponent[] components = type.getRecordComponents();
    unknownKeys(components, entries, path);
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      String key = path.isEmpty() ? components[i].getName() : path + "." + components[i].getName();
      Entry entry = entries.get(components[i].getName());
      if (entry != null) {
        places.put(key, entry.place());
      }
      values[i] = component(components[i], entry, key);
    }
    return construct(type, components, values);
  }

  private void unknownKeys(RecordComponent[] known, Map<String, Entry> entries, String path) {
    List<String> names = Stream.of(known).map(RecordComponent::getName).toList();
    entries.forEach((key, entry) -> {
      if (!names.contains(key)) {
        String where = path.isEmpty() ? key : path + "." + key;
        String remedy =
            nearest(key, names)
                .map(near -> "did you mean '" + near + "'?")
                .orElse("the keys here are " + String.join(", ", names));
        problems.at(entry.place(), where, "is not a key of " + whole, remedy);
      }
    });
  }

  private Object component(RecordComponent component, Entry entry, String key) {
    Class<?> type = component.getType();
    Node node = entry == null ? null : entry.value();
    if (type.isRecord() && type != HostPort.class) {
      return bind(type.asSubclass(Record.class), node, key);
    }
    Setting setting = component.getAnnotation(Setting.class);
    if (type == List.class) {
      return list(elementType(component), setting, node, key);
    }
    boolean optional = type == Optional.class;
    Class<?> plain = optional ? elementType(component) : type;
    Optional<Object> value = Optional.empty();
    if (node == null) {
      if (setting.value().equals(Setting.REQUIRED)) {
        problems.at(placeOf(key), key, "is missing", "add it");
      }
    } else if (!(node instanceof Scalar scalar)) {
      problems.at(node.place(), key, "is " + node.kind(), "write one value here");
    } else if (scalar.text() != null) {
      value = new ScalarReader(problems, key, setting).read(plain, scalar);
    } else if (!setting.value().equals(Setting.NOTHING)) {
      problems.at(scalar.place(), key, "has no value", "write one, or remove the key");
    }
    if (value.isEmpty()) {
      value = defaultOf(plain, setting);
    }
    return optional ? value : value.orElse(null);
  }

  /** The default as the file would hold it; something valid where there is none. */
  private static Optional<Object> defaultOf(Class<?> type, Setting setting) {
    if (setting.value().equals(Setting.NOTHING)) {
      return Optional.empty();
    }
    if (setting.value().equals(Setting.REQUIRED)) {
      return Optional.ofNullable(standIn(type, setting));
    }
    Problems wrongDefault = new Problems("default");
    Optional<Object> value =
        new ScalarReader(wrongDefault, "", setting)
            .read(type, new Scalar(Place.NOWHERE, setting.value(), false));
    return Optional.of(
        value.orElseThrow(() -> new AssertionError("bad default: " + wrongDefault.inOrder())));
  }

  /** For what is missing and was noted: no primitive component takes null. */
  private static Object standIn(Class<?> type, Setting setting) {
    if (type == Path.class) {
      return Path.of("");
    } else if (type == int.class) {
      return (int) setting.min();
    } else if (type == long.class) {
      return setting.min();
    } else if (type == boolean.class) {
      return false;
    }
    return null;
  }

  private List<?> list(Class<?> elementType, Setting setting, Node node, String key) {
    List<Object> values = new ArrayList<>();
    if (node instanceof Sequence sequence) {
      if (sequence.items().size() > setting.max()) {
        problems.at(
            node.place(),
            key,
            "has " + sequence.items().size() + " entries",
            "write at most " + setting.max());
        return List.of();
      }
      for (Node item : sequence.items()) {
        String itemKey = key + "[" + values.size() + "]";
        values.add(bind(elementType.asSubclass(Record.class), item, itemKey));
      }
    } else if (node != null && !(node instanceof Scalar scalar && scalar.text() == null)) {
      problems.at(node.place(), key, "is " + node.kind(), "write a list, each entry after a '- '");
    }
    return values;
  }

  private static Class<?> elementType(RecordComponent component) {
    Type argument = ((ParameterizedType) component.getGenericType()).getActualTypeArguments()[0];
    return (Class<?>) argument;
  }

  private static <T extends Record> T construct(
      Class<T> type, RecordComponent[] components, Object[] values) {
    Class<?>[] types = Stream.of(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      Constructor<T> constructor = type.getDeclaredConstructor(types);
      // Records of other modules need not be public for that.
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    } catch (InvocationTargetException e) {
      throw new IllegalStateException("record " + type.getSimpleName(), e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("not a configuration record: " + type, e);
    }
  }

  /** The known word that a person probably meant. */
  public static Optional<String> nearest(String word, List<String> known) {
    return known.stream()
        .filter(candidate -> distance(word, candidate) <= Math.max(1, word.length() / 4))
        .min((a, b) -> Integer.compare(distance(word, a), distance(word, b)));
  }

  /** Levenshtein's, without regard to case. */
  private static int distance(String left, String right) {
    String a = left.toLowerCase(Locale.ROOT);
    String b = right.toLowerCase(Locale.ROOT);
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substitute = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substitute, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }

  /** Reads single values. */
  private record ScalarReader(Problems problems, String key, Setting setting) {

    Optional<Object> read(Class<?> type, Scalar scalar) {
      if (type == boolean.class) {
        return truth(scalar);
      } else if (type == int.class) {
        return number(scalar).map(Long::intValue).map(Object.class::cast);
      } else if (type == long.class) {
        return number(scalar).map(Object.class::cast);
      } else if (type == HostPort.class) {
        return hostPort(scalar);
      } else if (type == Path.class) {
        return path(scalar);
      } else if (type == String.class) {
        return text(scalar);
      } else if (type.isEnum()) {
        return constant(type, scalar);
      }
      throw new LinkageError("no way to read a " + type + " for " + key);
    }

    private Optional<Object> wrong(Scalar scalar, String message, String remedy) {
      problems.at(scalar.place(), key, message, remedy);
      return Optional.empty();
    }

    private Optional<Object> truth(Scalar scalar) {
      return switch (scalar.text()) {
        case "true" -> Optional.of(true);
        case "false" -> Optional.of(false);
        default -> wrong(scalar, "is '" + scalar.text() + "'", "write true or false");
      };
    }

    private Optional<Long> number(Scalar scalar) {
      String digits = scalar.text().replace("_", "");
      if (!digits.matches("-?\\d{1,19}")) {
        wrong(scalar, "is '" + scalar.text() + "', not a whole number", Units.remedy(key, digits));
        return Optional.empty();
      }
      long value;
      try {
        value = Long.parseLong(digits);
      } catch (NumberFormatException _) {
        value = digits.startsWith("-") ? Long.MIN_VALUE : Long.MAX_VALUE;
      }
      if (value < setting.min() || value > setting.max()) {
        wrong(
            scalar,
            "is " + scalar.text() + ", out of range",
            "write " + setting.min() + " to " + setting.max());
        return Optional.empty();
      }
      return Optional.of(value);
    }

    private Optional<Object> hostPort(Scalar scalar) {
      Optional<HostPort> parsed = HostPort.parse(scalar.text());
      return parsed.isPresent()
          ? Optional.of(parsed.get())
          : wrong(
              scalar,
              "is '" + scalar.text() + "'",
              "write host:port, for IPv6 [address]:port, with a port up to 65535");
    }

    private Optional<Object> path(Scalar scalar) {
      Optional<Object> text = text(scalar);
      if (text.isEmpty()) {
        return text;
      }
      try {
        return Optional.of(Path.of(scalar.text()));
      } catch (InvalidPathException e) {
        return wrong(scalar, "is not a path: " + e.getReason(), "write a path");
      }
    }

    private Optional<Object> text(Scalar scalar) {
      int length = scalar.text().length();
      return length < setting.min() || length > setting.max()
          ? wrong(
              scalar,
              "has " + length + " characters",
              "write " + setting.min() + " to " + setting.max())
          : Optional.of(scalar.text());
    }

    private Optional<Object> constant(Class<?> type, Scalar scalar) {
      for (Object constant : type.getEnumConstants()) {
        if (word(constant).equals(scalar.text())) {
          return Optional.of(constant);
        }
      }
      String words =
          Stream.of(type.getEnumConstants())
              .map(RecordBinder::word)
              .collect(Collectors.joining(", "));
      return wrong(scalar, "is '" + scalar.text() + "'", "write one of " + words);
    }
  }

  /** An enum's constant as the file has it. */
  public static String word(Object constant) {
    return ((Enum<?>) constant).name().toLowerCase(Locale.ROOT);
  }
}
