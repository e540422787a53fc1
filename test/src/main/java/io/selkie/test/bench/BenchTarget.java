package io.selkie.test.bench;

import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.support.Workspace;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The server to measure, and how to reach it.
 *
 * @param nfs where NFS is
 * @param diagnostics where the echo and the counters are
 * @param root path of a writable directory on the server, ending in a slash
 * @param local the same directory on this machine, if it is there
 * @param pid the server's process, if it is on this machine and ours
 * @param onClose what has to be given back
 */
record BenchTarget(
    InetSocketAddress nfs,
    InetSocketAddress diagnostics,
    String root,
    Optional<Path> local,
    OptionalLong pid,
    Cleanup onClose)
    implements AutoCloseable {

  private static final int NFS_PORT = 2049;

  /** What closing does. */
  @FunctionalInterface
  interface Cleanup {
    /** Once. */
    void run() throws IOException;
  }

  /** A server in a child process, on a scratch directory. */
  static BenchTarget ownServer(Path directory) throws IOException, InterruptedException {
    ScratchDirectory scratch =
        ScratchDirectory.in(Workspace.choose(Optional.ofNullable(directory)), "selkie-bench-");
    try {
      Path export = Files.createDirectory(scratch.resolve("bench"));
      ServerProcess server = ServerProcess.of(export).start();
      return new BenchTarget(
          server.nfs(),
          server.diagnostics(),
          "/" + server.exportName() + "/",
          Optional.of(export),
          OptionalLong.of(server.pid()),
          () -> {
            server.close();
            scratch.close();
          });
    } catch (IOException | InterruptedException e) {
      scratch.close();
      throw e;
    }
  }

  /** A server that runs already. */
  static BenchTarget of(String url, String echo, Path local) throws IOException {
    URI uri = URI.create(url);
    if (!"nfs".equals(uri.getScheme()) || uri.getHost() == null) {
      throw new IOException(url + " is no URL like nfs://HOST[:PORT]/DIR");
    }
    if (echo == null) {
      throw new IOException(
          "--echo HOST:PORT is needed with a URL: start the server with --bench-listen HOST:PORT");
    }
    String path = uri.getPath().endsWith("/") ? uri.getPath() : uri.getPath() + "/";
    URI echoUri = URI.create("echo://" + echo);
    if (echoUri.getHost() == null || echoUri.getPort() < 1) {
      throw new IOException(echo + " is no HOST:PORT");
    }
    return new BenchTarget(
        new InetSocketAddress(uri.getHost(), uri.getPort() < 0 ? NFS_PORT : uri.getPort()),
        new InetSocketAddress(echoUri.getHost(), echoUri.getPort()),
        path,
        Optional.ofNullable(local),
        OptionalLong.empty(),
        () -> {});
  }

  @Override
  public void close() throws IOException {
    onClose.run();
  }
}
