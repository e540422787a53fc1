package io.selkie.config;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * Goal: the annotated sample is the truth about the configuration. Method: its keys and values,
 * read by Jackson's own tree and not by our reader, are compared with the records' components.
 */
class SampleTest {

  private final TreeMap<String, String> inSample = new TreeMap<>();
  private final TreeMap<String, Optional<String>> inRecords = new TreeMap<>();

  @Test
  void sampleAndRecordsHaveTheSameKeys() throws IOException {
    readBoth();
    assertThat(inSample.keySet()).isEqualTo(inRecords.keySet()).hasSizeGreaterThan(30);
  }

  @Test
  void sampleShowsTheDefaults() throws IOException {
    readBoth();
    inRecords.forEach((key, value) ->
        value.ifPresent(text -> assertThat(inSample.get(key)).as(key).isEqualTo(text)));
  }

  @Test
  void everyKeyIsExplainedAboveIt() throws IOException {
    Set<String> bare = new TreeSet<>();
    String before = "";
    for (String line : sample().lines().toList()) {
      boolean key = line.matches("\\s*[A-Za-z]+:.*");
      // Keys of a pair stand together under one comment.
      if (key
          && !before.strip().startsWith("#")
          && !before.matches("\\s*max[A-Za-z]+: \\d+")
          && !before.strip().startsWith("- #")) {
        bare.add(line);
      }
      before = line;
    }
    assertThat(bare).isEmpty();
  }

  @Test
  void sampleLoadsWhenItsDirectoryExists() throws Exception {
    String here = sample().replace("/srv/selkie", System.getProperty("java.io.tmpdir"));
    SelkieConfig config = ConfigLoader.parse("selkie.yaml", here, CommandLineSettings.NONE);
    SelkieConfig defaults = ConfigLoader.parse("", "", CommandLineSettings.NONE);
    assertThat(config.exports()).hasSize(1);
    assertThat(ConfigDifference.between(defaults, config).changes())
        .singleElement()
        .isInstanceOf(ConfigDifference.ExportAdded.class);
  }

  private void readBoth() throws IOException {
    leaves(new YAMLMapper().readTree(sample()), "");
    components(SelkieConfig.class, "");
  }

  private void leaves(JsonNode node, String path) {
    if (node.isObject()) {
      node.properties()
          .forEach(entry ->
              leaves(
                  entry.getValue(), path.isEmpty() ? entry.getKey() : path + "." + entry.getKey()));
    } else if (node.isArray()) {
      node.forEach(item -> leaves(item, path + "[]"));
    } else {
      inSample.put(path, node.asText());
    }
  }

  private void components(Class<?> record, String path) {
    for (RecordComponent component : record.getRecordComponents()) {
      String key = path.isEmpty() ? component.getName() : path + "." + component.getName();
      Setting setting = component.getAnnotation(Setting.class);
      if (setting == null) {
        components(component.getType(), key);
      } else if (component.getGenericType() instanceof ParameterizedType list
          && list.getRawType() == java.util.List.class) {
        components((Class<?>) list.getActualTypeArguments()[0], key + "[]");
      } else if (setting.value().equals(Setting.REQUIRED)
          || key.equals("exports[].path")
          || key.equals("exports[].name")) {
        inRecords.put(key, Optional.empty());
      } else {
        boolean nothing = setting.value().equals(Setting.NOTHING);
        inRecords.put(key, Optional.of(nothing ? "null" : setting.value()));
      }
    }
  }

  private static String sample() throws IOException {
    try (var in = SelkieConfig.class.getResourceAsStream("selkie.yaml")) {
      return new String(in.readAllBytes(), UTF_8);
    }
  }
}
