package io.selkie.test.drill;

import java.nio.file.Path;

/** A file of a scenario: where it is now, and what it must hold. */
final class DrillFile {

  private final String name;
  private final ExpectedContent content;
  private volatile Path path;
  private volatile boolean removed;

  DrillFile(String name, Path path, ExpectedContent content) {
    this.name = name;
    this.path = path;
    this.content = content;
  }

  /** What the scenario calls it, whatever it is called meanwhile. */
  String name() {
    return name;
  }

  ExpectedContent content() {
    return content;
  }

  /** Bytes of a range as a scenario writes it, where a length of 0 is all up to the end. */
  long rangeBytes(long offset, long length) {
    return length == 0 ? content.sizeBytes() - offset : length;
  }

  Path path() {
    return path;
  }

  /** It has another name now. */
  void moved(Path to) {
    path = to;
  }

  boolean isRemoved() {
    return removed;
  }

  void remove() {
    removed = true;
  }
}
