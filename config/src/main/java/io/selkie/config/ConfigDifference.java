package io.selkie.config;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * What turns one configuration into another: the plan of a reload, made and read before anything is
 * touched. Both sides are valid as a whole, or there would be no {@link SelkieConfig}.
 *
 * @param from before
 * @param to after
 * @param changes what differs, in the order of the sample file
 */
public record ConfigDifference(SelkieConfig from, SelkieConfig to, List<Change> changes) {

  /** Copies the list. */
  public ConfigDifference {
    changes = List.copyOf(changes);
  }

  /** One difference. */
  public sealed interface Change {
    /** Whether a running server can make it. */
    boolean live();

    /** One line for a person. */
    String describe();
  }

  /** An export that was not there. The devices of block layouts are opened at start only. */
  public record ExportAdded(ExportConfig export) implements Change {
    @Override
    public boolean live() {
      return !export.hasBlockLayouts();
    }

    @Override
    public String describe() {
      return "export "
          + export.name()
          + " added: "
          + export.path()
          + (live() ? "" : ", with blockLayouts (needs a restart)");
    }
  }

  /** An export that goes: its layouts are recalled, its handles become stale. */
  public record ExportRemoved(ExportConfig export) implements Change {
    @Override
    public boolean live() {
      return true;
    }

    @Override
    public String describe() {
      return "export " + export.name() + " removed: " + export.path();
    }
  }

  /**
   * An export of the same name that differs. Another directory is another export: the old one goes
   * as a removed one does. Which exports have block layouts, and on what device, is found at start.
   */
  public record ExportChanged(ExportConfig before, ExportConfig after) implements Change {
    @Override
    public boolean live() {
      boolean sameDevice = before.hasBlockLayouts() && Objects.equals(before.path(), after.path());
      return before.blockLayouts() == after.blockLayouts()
          && (sameDevice || !after.hasBlockLayouts());
    }

    @Override
    public String describe() {
      List<String> what = new ArrayList<>();
      if (!before.path().equals(after.path())) {
        what.add("path " + before.path() + " to " + after.path());
      }
      if (!Objects.equals(before.file(), after.file())) {
        what.add("file " + before.file() + " to " + after.file());
      }
      if (before.readOnly() != after.readOnly()) {
        what.add("readOnly " + before.readOnly() + " to " + after.readOnly());
      }
      if (before.layouts() != after.layouts()) {
        what.add("layouts " + before.layouts() + " to " + after.layouts());
      }
      if (before.blockLayouts() != after.blockLayouts()) {
        what.add("blockLayouts " + name(before) + " to " + name(after));
      }
      if (!before.clients().equals(after.clients())) {
        what.add("clients " + rules(before) + " to " + rules(after));
      }
      return "export "
          + before.name()
          + " changed: "
          + String.join(", ", what)
          + (live() ? "" : " (blockLayouts: needs a restart)");
    }

    private static String name(ExportConfig export) {
      return export.blockLayouts().name().toLowerCase(Locale.ROOT);
    }

    private static String rules(ExportConfig export) {
      return export.clients().isEmpty()
          ? "(everybody)"
          : export.clients().stream()
              .map(rule ->
                  "%s(%s,%s_squash)"
                      .formatted(
                          rule.hosts(),
                          rule.readOnly() ? "ro" : "rw",
                          rule.squash().name().toLowerCase(Locale.ROOT)))
              .collect(Collectors.joining(" ", "(", ")"));
    }
  }

  /**
   * A single value.
   *
   * @param key such as {@code layout.recallTimeoutMillis}
   */
  public record ValueChanged(String key, String before, String after, boolean live)
      implements Change {
    @Override
    public String describe() {
      return key + " changed: " + before + " to " + after + (live ? "" : " (needs a restart)");
    }
  }

  /**
   * A file that a key names: the key stays as it is, what is in the file does not.
   *
   * @param key such as {@code http.certificateFile}
   * @param what is there now, without secrets
   */
  public record FileRenewed(String key, String what) implements Change {
    @Override
    public boolean live() {
      return true;
    }

    @Override
    public String describe() {
      return key + " renewed: " + what;
    }
  }

  /** Compares. */
  public static ConfigDifference between(SelkieConfig from, SelkieConfig to) {
    List<Change> changes = new ArrayList<>();
    exports(from.exports(), to.exports(), changes);
    values(from, to, "", changes);
    return new ConfigDifference(from, to, changes);
  }

  /** Whether nothing differs. */
  public boolean isEmpty() {
    return changes.isEmpty();
  }

  /** Whether a running server can make all of it. */
  public boolean isLive() {
    return changes.stream().allMatch(Change::live);
  }

  private static void exports(
      List<ExportConfig> from, List<ExportConfig> to, List<Change> changes) {
    Map<String, ExportConfig> after = new LinkedHashMap<>();
    to.forEach(export -> after.put(export.name(), export));
    for (ExportConfig before : from) {
      ExportConfig now = after.remove(before.name());
      if (now == null) {
        changes.add(new ExportRemoved(before));
      } else if (!now.equals(before)) {
        changes.add(new ExportChanged(before, now));
      }
    }
    after.values().forEach(export -> changes.add(new ExportAdded(export)));
  }

  private static void values(Record from, Record to, String path, List<Change> changes) {
    for (RecordComponent component : from.getClass().getRecordComponents()) {
      String key = path.isEmpty() ? component.getName() : path + "." + component.getName();
      Object before = valueOf(component, from);
      Object after = valueOf(component, to);
      Setting setting = component.getAnnotation(Setting.class);
      if (setting == null) {
        values((Record) before, (Record) after, key, changes);
      } else if (!(before instanceof List) && !Objects.equals(before, after)) {
        changes.add(
            new ValueChanged(key, String.valueOf(before), String.valueOf(after), setting.live()));
      }
    }
  }

  private static Object valueOf(RecordComponent component, Record record) {
    try {
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("cannot read " + component, e);
    }
  }
}
