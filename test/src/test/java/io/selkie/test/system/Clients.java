package io.selkie.test.system;

import io.selkie.client.ClientOptions;
import io.selkie.client.DirectFile;
import io.selkie.client.SelkieClient;
import io.selkie.test.support.ServerProcess;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.StandardOpenOption;

/** The client library, as tests use it. */
final class Clients {

  private Clients() {}

  static SelkieClient connect(ServerProcess server, ClientOptions options) throws IOException {
    return SelkieClient.connect(server.nfs().getHostString(), server.nfs().getPort(), options);
  }

  /** The path of a file of the export. */
  static String path(ServerProcess server, String name) {
    return "/" + server.exportName() + "/" + name;
  }

  /** Opens a file that is there for reading and writing. */
  static DirectFile open(SelkieClient client, ServerProcess server, String name)
      throws IOException {
    return client.open(path(server, name), StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  static void write(DirectFile file, long position, byte[] bytes) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      file.write(arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes), position);
    }
  }

  /** Reads up to so many bytes. */
  static byte[] read(DirectFile file, long position, int length) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(length);
      long read = file.read(memory, position);
      return memory.asSlice(0, Math.max(0, read)).toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
