package io.selkie.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.ConfigSource;
import io.selkie.config.SelkieConfig;
import io.selkie.config.Setting;
import io.selkie.posix.LinuxKernel;
import io.selkie.server.admin.ReloadOutcome;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: whatever is wrong with a file that is loaded again, its line and the reason are told, and
 * nothing of it is applied. Method: every key there is, found by reflection, with every kind of
 * mistake, loaded by one running server; beside each mistake stands a change that could be applied.
 */
@Timeout(600)
class ReloadMistakesTest {

  /** Before what is written for a key: two exports, of which the second is new. */
  private static final int LINES_BEFORE = 3;

  @TempDir private Path dir;
  private Path file;
  private SelkieServer server;
  private SelkieConfig before;

  /** A key and its place in the tree. */
  private record Key(String group, String name, Class<?> type, Setting setting) {
    static void collect(Class<?> record, String group, List<Key> keys) {
      for (RecordComponent component : record.getRecordComponents()) {
        Setting setting = component.getAnnotation(Setting.class);
        String name = component.getName();
        if (setting == null) {
          collect(component.getType(), group.isEmpty() ? name : group + "." + name, keys);
        } else if (component.getType() != List.class) {
          keys.add(new Key(group, name, component.getType(), setting));
        }
      }
    }

    String path() {
      return group.isEmpty() ? name : group + "." + name;
    }

    boolean isNumber() {
      return type == int.class || type == long.class;
    }
  }

  @BeforeEach
  void start() throws Exception {
    Files.createDirectory(dir.resolve("one"));
    Files.createDirectory(dir.resolve("two"));
    file = dir.resolve("selkie.yaml");
    write("");
    ConfigSource source =
        new ConfigSource(Optional.of(file), OnLoopback.withStateIn(dir.resolve("state")));
    server = SelkieServer.start(source.load(), source, new LinuxKernel());
    before = server.config();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private void write(String rest) throws IOException {
    Files.writeString(file, "exports:\n  - path: %s\n%s".formatted(dir.resolve("one"), rest));
  }

  private ReloadOutcome reload() throws Exception {
    return server.reload(false).toCompletableFuture().get(300, TimeUnit.SECONDS);
  }

  /** The file's problems, each as {@code file:line:column: key: reason; remedy}. */
  private List<String> mistakes(String what) throws Exception {
    ReloadOutcome outcome = reload();
    assertThat(outcome).as(what).isInstanceOf(ReloadOutcome.Invalid.class);
    assertThat(server.config()).as(what).isEqualTo(before);
    return ((ReloadOutcome.Invalid) outcome).problems().stream().map(Object::toString).toList();
  }

  /** Lines of a key below its groups, after a second export that would otherwise be added. */
  private void assertToldWithItsLine(Key key, String kind, List<String> lines, int wrong)
      throws Exception {
    StringBuilder text = new StringBuilder("  - path: ").append(dir.resolve("two")).append("\n");
    String indent = "";
    int line = LINES_BEFORE + 1;
    for (String group : key.group.isEmpty() ? new String[0] : key.group.split("\\.")) {
      text.append(indent).append(group).append(":\n");
      indent += "  ";
      line++;
    }
    for (String each : lines) {
      text.append(indent).append(each).append('\n');
    }
    write(text.toString());
    int first = line;
    String what = kind + " of " + key.path();
    assertThat(mistakes(what))
        .as(what)
        .anyMatch(problem -> problem.startsWith(file + ":" + (first + wrong) + ":"));
  }

  @Test
  void everyKeyWithEveryMistakeIsToldWithItsLine() throws Exception {
    List<Key> keys = new ArrayList<>();
    Key.collect(SelkieConfig.class, "", keys);
    assertThat(keys).hasSizeGreaterThan(50);
    for (Key key : keys) {
      String good = key.name + ": null";
      assertToldWithItsLine(key, "wrong type", List.of(key.name + ": {nonsense: 1}"), 0);
      assertToldWithItsLine(key, "duplicate", List.of(good, good), 1);
      assertToldWithItsLine(key, "unknown neighbour", List.of(key.name + "X: 1"), 0);
      if (key.isNumber()) {
        assertToldWithItsLine(key, "no number", List.of(key.name + ": many"), 0);
        if (key.setting.min() > Long.MIN_VALUE) {
          String below = key.name + ": " + (key.setting.min() - 1);
          assertToldWithItsLine(key, "too small", List.of(below), 0);
        }
        if (key.setting.max() < Long.MAX_VALUE) {
          String above = key.name + ": " + (key.setting.max() + 1);
          assertToldWithItsLine(key, "too large", List.of(above), 0);
        }
      } else if (key.type == boolean.class || key.type.isEnum()) {
        assertToldWithItsLine(key, "no such word", List.of(key.name + ": perhaps"), 0);
      }
    }
  }

  @Test
  void mistakesOfExportsAreToldWithTheirLines() throws Exception {
    Path two = dir.resolve("two");
    for (String rest :
        List.of(
            "  - path: " + dir.resolve("one") + "\n",
            "  - {path: " + two + ", name: one}\n",
            "  - path: " + dir.resolve("gone") + "\n",
            "  - path: relative\n",
            "  - path: " + file + "\n",
            "  - {path: " + two + ", readOnly: perhaps}\n",
            "  - {path: " + two + ", colour: red}\n",
            "  - 7\n",
            "  - name: two\n",
            "layout: [\n",
            "\tlayout: {}\n",
            "layout: &a {}\n  *b\n")) {
      write(rest);
      assertThat(mistakes(rest)).as(rest).allMatch(problem -> problem.startsWith(file + ":"));
    }
    Files.delete(file);
    assertThat(mistakes("no file")).singleElement().asString().contains("cannot be read");
  }
}
