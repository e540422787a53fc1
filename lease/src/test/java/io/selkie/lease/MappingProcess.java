package io.selkie.lease;

import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Maps a file, closes its descriptor, and keeps the mapping until the end of its input. */
final class MappingProcess {
  private MappingProcess() {}

  public static void main(String[] arguments) throws Exception {
    java.nio.MappedByteBuffer mapping;
    try (var channel = FileChannel.open(Path.of(arguments[0]), StandardOpenOption.READ)) {
      mapping = channel.map(MapMode.READ_ONLY, 0, 1);
    }
    System.out.println("mapped");
    while (System.in.read() >= 0) {
      // Until the other side is gone.
    }
    System.out.println(mapping.get(0));
  }
}
