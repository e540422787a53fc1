package io.selkie.test.bench;

/** What the load generator asks a server for, over and over. Immutable. */
enum NfsWorkload {
  /** SEQUENCE, PUTFH, GETATTR of what a Linux client asks for. */
  GETATTR("getattr", "SEQUENCE+PUTFH+GETATTR", 0, 1.5),
  /** 4 KiB at random places of a file that is in the page cache. */
  READ_4K("read_4k", "READ 4 KiB", 4096, 1.5),
  /** 4 KiB at random places, UNSTABLE4. */
  WRITE_4K("write_4k", "WRITE 4 KiB, unstable", 4096, 1.5),
  /** 1 MiB at random places of a file that is in the page cache. */
  READ_1M("read_1m", "READ 1 MiB", 1 << 20, 1.2),
  /** 1 MiB at random places, UNSTABLE4. */
  WRITE_1M("write_1m", "WRITE 1 MiB, unstable", 1 << 20, 1.2);

  private final String key;
  private final String text;
  private final int dataBytes;
  private final double targetRatio;

  NfsWorkload(String key, String text, int dataBytes, double targetRatio) {
    this.key = key;
    this.text = text;
    this.dataBytes = dataBytes;
    this.targetRatio = targetRatio;
  }

  /** Stable name for programs. */
  String key() {
    return key;
  }

  /** For people. */
  String text() {
    return text;
  }

  /** Bytes of file data in each operation, 0 for none. */
  int dataBytes() {
    return dataBytes;
  }

  /** How often the other server's rate is to be reached. */
  double targetRatio() {
    return targetRatio;
  }

  boolean isWrite() {
    return this == WRITE_4K || this == WRITE_1M;
  }

  boolean isRead() {
    return this == READ_4K || this == READ_1M;
  }
}
