package io.selkie.config;

import io.selkie.config.Node.Entry;
import io.selkie.config.Node.Mapping;
import io.selkie.config.Node.Place;
import io.selkie.config.Node.Scalar;
import io.selkie.config.Node.Sequence;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Rules for clients as administrators know them from exports(5): {@code HOST,OPTION,…}, apart by
 * spaces. They become what the same rules in a file are, so that one set of checks reads both.
 */
final class ExportOptions {

  private ExportOptions() {}

  /** The rules as a file would hold them; what is no option becomes a key that nobody knows. */
  static Node rules(String text) {
    Sequence rules = new Sequence(Place.NOWHERE);
    for (String rule : text.strip().split("\\s+")) {
      if (!rule.isEmpty()) {
        rules.items().add(rule(rule.split(",")));
      }
    }
    return rules;
  }

  private static Node rule(String[] words) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    put(entries, "hosts", words.length == 0 ? "" : words[0]);
    for (int i = 1; i < words.length; i++) {
      String word = words[i];
      int equals = word.indexOf('=');
      String value = word.substring(equals + 1);
      switch (equals < 0 ? word : word.substring(0, equals)) {
        case "ro" -> put(entries, "readOnly", "true");
        case "rw" -> put(entries, "readOnly", "false");
        case "root_squash" -> put(entries, "squash", "root");
        case "no_root_squash" -> put(entries, "squash", "none");
        case "all_squash" -> put(entries, "squash", "all");
        case "anonuid" -> put(entries, "anonUid", value);
        case "anongid" -> put(entries, "anonGid", value);
        case "sec" -> put(entries, "security", value.replace(':', ','));
        default -> put(entries, word, "");
      }
    }
    return new Mapping(Place.NOWHERE, entries);
  }

  private static void put(Map<String, Entry> entries, String key, String value) {
    entries.put(key, new Entry(Place.NOWHERE, new Scalar(Place.NOWHERE, value, true)));
  }
}
