package io.selkie.client.cli;

import io.selkie.client.NfsUrl;
import java.io.IOException;
import java.util.random.RandomGenerator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Writes standard input to a file of a server. */
@Command(
    name = "put",
    description = {
      "Write standard input to a file of a server, replacing the one that is there.",
      "The file appears under its name only when standard input has ended and all is durable."
    },
    sortOptions = false)
final class PutCommand extends RemoteCommand {
  @Parameters(arity = "1", paramLabel = "URL", description = "nfs://HOST[:PORT]/EXPORT/PATH")
  private String target = "";

  private final FileWriterWithRename writer =
      new FileWriterWithRename(RandomGenerator.of("L64X128MixRandom"));

  @Override
  void run(Servers servers) throws IOException {
    NfsUrl url = url(target);
    Place place = new Place.Remote(servers.of(url), url);
    Place.Kind kind = place.kind();
    if (url.hasTrailingSlash() || kind == Place.Kind.DIRECTORY || kind == Place.Kind.OTHER) {
      throw new IOException(place + ": not a file");
    }
    try (Pump pump = new Pump()) {
      writer.write(pump, Pump.from(streams().in()), -1, place, Progress.NONE);
    }
  }
}
