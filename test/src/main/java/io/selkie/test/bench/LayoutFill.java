package io.selkie.test.bench;

import io.selkie.protocol.rpc.AuthSys;
import io.selkie.test.support.ServerProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;

/** Clients that together hold very many layouts: of 4 KiB each, one beside the other. */
final class LayoutFill implements AutoCloseable {

  private static final int LAYOUT_BYTES = 4096;
  private static final int THREADS = 4;

  private final List<NfsLoadSession> sessions = new ArrayList<>();

  LayoutFill() {}

  /** The name of a file. */
  static String name(int file) {
    return "held-" + file;
  }

  /** Takes them; on each file each client holds as many. */
  void take(ServerProcess server, AdminBench.Wishes wishes, Consumer<String> progress)
      throws Exception {
    int each = wishes.layouts() / wishes.clients() / wishes.files();
    for (int file = 0; file < wishes.files(); file++) {
      Files.write(server.export().resolve(name(file)), new byte[each * LAYOUT_BYTES]);
    }
    for (int client = 0; client < wishes.clients(); client++) {
      sessions.add(
          NfsLoadSession.connectPnfs(
              server.nfs(), "holder-" + client, new AuthSys(), 1, 64 * 1024));
    }
    try (ExecutorService threads =
        Executors.newFixedThreadPool(THREADS, Thread.ofPlatform().daemon().factory())) {
      List<Future<?>> parts = new ArrayList<>();
      for (NfsLoadSession session : sessions) {
        parts.add(
            threads.submit(() -> {
              take(session, server.exportName(), wishes.files(), each);
              return null;
            }));
      }
      for (int i = 0; i < parts.size(); i++) {
        parts.get(i).get();
        progress.accept("client " + (i + 1) + " of " + parts.size() + " holds its layouts");
      }
    }
  }

  private static void take(NfsLoadSession session, String export, int files, int each)
      throws IOException {
    for (int file = 0; file < files; file++) {
      NfsLoadSession.OpenedFile opened = session.open(List.of(export), name(file), "owner");
      for (int i = 0; i < each; i += NfsLoadSession.LAYOUTS_MAX) {
        int count = Math.min(NfsLoadSession.LAYOUTS_MAX, each - i);
        session.layouts(opened, (long) i * LAYOUT_BYTES, LAYOUT_BYTES, count);
      }
    }
  }

  @Override
  public void close() throws IOException {
    for (NfsLoadSession session : sessions) {
      session.abandon();
    }
  }
}
