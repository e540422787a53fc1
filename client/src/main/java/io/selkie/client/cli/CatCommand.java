package io.selkie.client.cli;

import io.selkie.client.DirectFile;
import io.selkie.client.NfsUrl;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Writes files of a server to standard output. */
@Command(
    name = "cat",
    description = "Write files of a server to standard output, one after the other.",
    sortOptions = false)
final class CatCommand extends RemoteCommand {
  @Parameters(arity = "1..*", paramLabel = "URL", description = "nfs://HOST[:PORT]/EXPORT/PATH")
  private List<String> urls = new ArrayList<>();

  @Override
  void run(Servers servers) throws IOException {
    List<NfsUrl> parsed = urls.stream().map(this::url).toList();
    try (Pump pump = new Pump()) {
      for (NfsUrl url : parsed) {
        try (DirectFile file = servers.of(url).open(url.path())) {
          pump.copy(
              Pump.from(file),
              (bytes, position) -> streams().out().write(toArray(bytes)),
              Progress.NONE);
        } catch (IOException e) {
          failed(url.toString(), e);
        }
      }
      streams().out().flush();
    }
  }

  private static byte[] toArray(java.lang.foreign.MemorySegment bytes) {
    return bytes.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
  }
}
