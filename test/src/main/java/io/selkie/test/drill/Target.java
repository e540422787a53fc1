package io.selkie.test.drill;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;

/** The server that a scenario is played on. */
interface Target extends AutoCloseable {

  /** Where NFS is. */
  InetSocketAddress nfs();

  /** The socket of its administrators. */
  Path socket();

  /** The directory on this machine that it exports. */
  Path directory();

  /** The name of that export. */
  String exportName();

  /** Whether it may be stopped and started: a throw-away one. */
  boolean isOurs();

  /** SIGTERM, and waits for its end; its exit status. */
  int stop() throws IOException, InterruptedException;

  /** SIGKILL, and waits for its end. */
  void kill() throws IOException, InterruptedException;

  /** Starts it again, at the same addresses. */
  void start() throws IOException, InterruptedException;

  @Override
  void close() throws IOException;
}
