package io.selkie.test.drill;

import io.selkie.config.ConfigException;
import io.selkie.config.Node;
import io.selkie.config.Node.Entry;
import io.selkie.config.Node.Mapping;
import io.selkie.config.Node.Place;
import io.selkie.config.Node.Scalar;
import io.selkie.config.Node.Sequence;
import io.selkie.config.Problems;
import io.selkie.config.RecordBinder;
import io.selkie.config.Setting;
import io.selkie.config.YamlReader;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reads a scenario and finds all that is wrong with it at once, each mistake with its line and
 * column, the reason, and what would be right. Reads one; not thread-safe.
 */
final class ScenarioReader {

  private static final int STEPS_MAX = 1000;
  private static final String STEPS = "steps";
  private static final String EXPECT = "expect";

  private final String name;
  private final Problems problems;
  private final RecordBinder binder;
  private final Set<String> clients = new HashSet<>();
  private final Set<String> files = new HashSet<>();
  private final Set<String> localActs = new HashSet<>();
  private int steps;

  private ScenarioReader(String name, String source) {
    this.name = name;
    this.problems = new Problems(source);
    this.binder = new RecordBinder(problems, "a scenario");
  }

  /**
   * Reads one.
   *
   * @param name how reports call it
   * @param source what messages call the file
   */
  static Scenario read(String name, String source, String yaml) throws ConfigException {
    ScenarioReader reader = new ScenarioReader(name, source);
    Optional<Node> root = new YamlReader(reader.problems).read(yaml);
    Scenario scenario = root.map(reader::scenario).orElse(null);
    if (!reader.problems.inOrder().isEmpty()) {
      throw new ConfigException(reader.problems.inOrder());
    }
    return scenario;
  }

  private Scenario scenario(Node root) {
    Node steps = null;
    Node expect = null;
    Node rest = root;
    if (root instanceof Mapping mapping) {
      Mapping head = new Mapping(mapping.place());
      head.entries().putAll(mapping.entries());
      steps = value(head.entries().remove(STEPS));
      expect = value(head.entries().remove(EXPECT));
      rest = head;
    }
    Scenario.Head head = binder.bind(Scenario.Head.class, rest, "");
    names(head);
    List<Step> read = steps(steps, STEPS, root.place());
    List<Expectation> expectations = expectations(expect, root.place());
    return new Scenario(name, head, read, expectations);
  }

  private static Node value(Entry entry) {
    return entry == null ? null : entry.value();
  }

  private void names(Scenario.Head head) {
    for (int i = 0; i < head.files().size(); i++) {
      Scenario.FileSpec file = head.files().get(i);
      String key = "files[" + i + "].name";
      if (file.name() != null && isOneComponent(file.name(), key) && !files.add(file.name())) {
        problems.at(binder.placeOf(key), key, "is there twice", "give each file its own name");
      }
    }
    for (int i = 0; i < head.clients().size(); i++) {
      Scenario.ClientSpec client = head.clients().get(i);
      String key = "clients[" + i + "]";
      String called = client.name();
      if (called != null && !called.matches("[A-Za-z][A-Za-z0-9_-]*")) {
        problems.at(
            binder.placeOf(key + ".name"),
            key + ".name",
            "is '" + called + "'",
            "begin with a letter and go on with letters, digits, - and _");
      } else if (called != null
          && (called.equals(Journal.LOCAL)
              || called.equals(Journal.SERVER)
              || !clients.add(called))) {
        problems.at(
            binder.placeOf(key + ".name"),
            key + ".name",
            "is taken",
            "give each client its own name, none of them local or server");
      }
      spanAt(client.delay(), key + ".delay");
      if (client.delay().isPresent() != (client.onRecall() == Conduct.LATE)) {
        problems.at(
            binder.placeOf(key + ".delay"),
            key + ".delay",
            client.delay().isPresent() ? "is only for who is late" : "is missing",
            "write delay with onRecall: late, and with nothing else");
      }
    }
  }

  private boolean isOneComponent(String word, String key) {
    boolean one = word.matches("[A-Za-z0-9][A-Za-z0-9._-]*");
    if (!one) {
      problems.at(
          binder.placeOf(key),
          key,
          "is '" + word + "'",
          "write one name: letters, digits, dots, - and _, beginning with a letter or digit");
    }
    return one;
  }

  private List<Step> steps(Node node, String path, Place around) {
    List<Step> read = new ArrayList<>();
    if (!(node instanceof Sequence sequence) || sequence.items().isEmpty()) {
      problems.at(
          node == null ? around : node.place(),
          path,
          node == null ? "is missing" : "is " + node.kind(),
          "write a list of steps, each after a '- '");
      return read;
    }
    for (int i = 0; i < sequence.items().size(); i++) {
      if (++steps > STEPS_MAX) {
        problems.at(
            sequence.place(), path, "are more than " + STEPS_MAX + " steps", "leave some out");
        return read;
      }
      word(sequence.items().get(i), path + "[" + i + "]", Words.allSteps())
          .flatMap(this::step)
          .ifPresent(read::add);
    }
    return read;
  }

  /** A word and what stands behind it. */
  private record Worded(String word, Entry entry, String path) {}

  private Optional<Worded> word(Node item, String path, List<String> known) {
    String which = String.join(", ", known);
    if (item instanceof Scalar scalar && scalar.text() != null && known.contains(scalar.text())) {
      // A word alone, as "- killServer".
      Entry entry = new Entry(scalar.place(), new Mapping(scalar.place()));
      return Optional.of(new Worded(scalar.text(), entry, path + "." + scalar.text()));
    }
    if (!(item instanceof Mapping mapping) || mapping.entries().size() != 1) {
      problems.at(
          item.place(),
          path,
          item instanceof Mapping m ? "has " + m.entries().size() + " keys" : "is " + item.kind(),
          "write one of " + which + ", a colon, and its keys in braces");
      return Optional.empty();
    }
    Map.Entry<String, Entry> only = mapping.entries().entrySet().iterator().next();
    if (!known.contains(only.getKey())) {
      problems.at(
          only.getValue().place(),
          path,
          "'" + only.getKey() + "' is not known here",
          RecordBinder.nearest(only.getKey(), known)
              .map(near -> "did you mean '" + near + "'?")
              .orElse("write one of " + which));
      return Optional.empty();
    }
    return Optional.of(new Worded(only.getKey(), only.getValue(), path + "." + only.getKey()));
  }

  private Optional<Step> step(Worded worded) {
    Node node = worded.entry.value();
    if (worded.word.equals(Words.TOGETHER)) {
      return Optional.of(new Together(steps(node, worded.path, worded.entry.place())));
    }
    if (worded.word.equals(Words.IN_ORDER)) {
      return Optional.of(inOrder(node, worded));
    }
    Record made = bound(Words.STEPS.get(worded.word), worded);
    return made instanceof Step step ? Optional.of(step) : Optional.empty();
  }

  /** A list, or {@code {times: N, steps: [...]}}. */
  private Step inOrder(Node node, Worded worded) {
    if (!(node instanceof Mapping mapping)) {
      return new InOrder(1, steps(node, worded.path, worded.entry.place()));
    }
    Mapping head = new Mapping(mapping.place());
    head.entries().putAll(mapping.entries());
    Node inner = value(head.entries().remove(STEPS));
    Times times = binder.bind(Times.class, head, worded.path);
    return new InOrder(
        times.times(), steps(inner, worded.path + "." + STEPS, worded.entry.place()));
  }

  /** How often. */
  record Times(@Setting(value = "1", min = 1, max = 1000) int times) {}

  private List<Expectation> expectations(Node node, Place around) {
    List<Expectation> read = new ArrayList<>();
    if (!(node instanceof Sequence sequence) || sequence.items().isEmpty()) {
      problems.at(
          node == null ? around : node.place(),
          EXPECT,
          node == null ? "is missing" : "is " + node.kind(),
          "write a list of what must come of it, each after a '- '");
      return read;
    }
    for (int i = 0; i < sequence.items().size(); i++) {
      word(
              sequence.items().get(i),
              EXPECT + "[" + i + "]",
              List.copyOf(Words.EXPECTATIONS.keySet()))
          .map(worded -> bound(Words.EXPECTATIONS.get(worded.word), worded))
          .ifPresent(made -> {
            if (made instanceof Expectation expectation) {
              read.add(expectation);
            }
          });
    }
    return read;
  }

  /** Makes a record and looks whether what it names is there. */
  private Record bound(Class<? extends Record> type, Worded worded) {
    Record made = binder.bind(type, worded.entry.value(), worded.path);
    for (RecordComponent component : type.getRecordComponents()) {
      String key = worded.path + "." + component.getName();
      text(made, component).ifPresent(text -> reference(made, component.getName(), text, key));
    }
    return made;
  }

  private void reference(Record made, String component, String text, String key) {
    switch (component) {
      case "client" -> mustBe(text, clients, key, "client");
      case "file" -> mustBe(text, files, key, "file");
      case "step" -> mustBe(text, localActs, key, "local step before");
      case "to" -> {
        if (isOneComponent(text, key) && made instanceof LocalReflink && !files.add(text)) {
          problems.at(binder.placeOf(key), key, "is a file already", "write another name");
        }
      }
      case "name" -> {
        if (!localActs.add(text)) {
          problems.at(binder.placeOf(key), key, "is taken", "give each step its own name");
        }
      }
      case "atLeast", "atMost" -> spanAt(Optional.of(text), key);
      case "event" -> {
        if (!HasWaited.EVENTS.contains(text)) {
          problems.at(
              binder.placeOf(key),
              key,
              "'" + text + "' is no event of the server",
              RecordBinder.nearest(text, HasWaited.EVENTS)
                  .map(near -> "did you mean '" + near + "'?")
                  .orElse("write one of " + String.join(", ", HasWaited.EVENTS)));
        }
      }
      default -> {
        // Its bounds were all there is to look at.
      }
    }
  }

  private void mustBe(String text, Set<String> known, String key, String what) {
    if (!known.contains(text)) {
      List<String> all = known.stream().sorted().toList();
      problems.at(
          binder.placeOf(key),
          key,
          "there is no " + what + " '" + text + "'",
          RecordBinder.nearest(text, all)
              .map(near -> "did you mean '" + near + "'?")
              .orElse(all.isEmpty() ? "name one first" : "there are " + String.join(", ", all)));
    }
  }

  private void spanAt(Optional<String> text, String key) {
    if (text.isPresent() && Span.parse(text.get()).isEmpty()) {
      problems.at(binder.placeOf(key), key, "is '" + text.get() + "'", Span.REMEDY);
    }
  }

  private static Optional<String> text(Record made, RecordComponent component) {
    try {
      component.getAccessor().setAccessible(true);
      Object value = component.getAccessor().invoke(made);
      if (value instanceof Optional<?> optional) {
        value = optional.orElse(null);
      }
      return value instanceof String text ? Optional.of(text) : Optional.empty();
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("not a record of a scenario: " + made.getClass(), e);
    }
  }
}
