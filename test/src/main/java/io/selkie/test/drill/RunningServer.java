package io.selkie.test.drill;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A server that runs already, on this machine or with its export's directory and its socket here.
 *
 * @param directory in the export, as this machine sees it
 */
record RunningServer(InetSocketAddress nfs, Path socket, Path directory, String exportName)
    implements Target {

  /** Asks the server which of its exports the directory is. */
  static RunningServer of(InetSocketAddress nfs, Path socket, Path directory)
      throws IOException, InterruptedException {
    Path real = directory.toRealPath();
    for (JsonNode export : exports(socket)) {
      if (Path.of(export.path("path").asText()).toRealPath().equals(real)) {
        return new RunningServer(nfs, socket, real, export.path("name").asText());
      }
    }
    throw new IOException(
        "the server does not export "
            + real
            + "; give the directory of an export with --path, selkie ctl exports lists them");
  }

  private static List<JsonNode> exports(Path socket) throws IOException, InterruptedException {
    return Bounded.ask("its exports", () -> new Admin(socket).list("exports", Map.of()));
  }

  @Override
  public boolean isOurs() {
    return false;
  }

  @Override
  public int stop() {
    throw notOurs();
  }

  @Override
  public void kill() {
    throw notOurs();
  }

  @Override
  public void start() {
    throw notOurs();
  }

  private static IllegalStateException notOurs() {
    return new IllegalStateException("a running server is not stopped; that is looked at before");
  }

  @Override
  public void close() {}
}
