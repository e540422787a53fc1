package io.selkie.test.drill;

import io.selkie.config.Setting;
import io.selkie.rdma.WorkStatus;

/**
 * {@code poke}: a client uses the handle of a layout that is over, over a new queue pair. Waits
 * until it is over. Whether it was refused is looked at by {@code silenced} and {@code content}.
 */
record Poke(@Setting(max = 32) String client, @Setting(max = 64) String file) implements Step {

  private static final int BYTES = 4096;

  @Override
  public String text() {
    return client + " tries its dead handle of " + file;
  }

  @Override
  public void run(Stage stage) throws Exception {
    DrillClient by = stage.client(client);
    HeldLayout layout = by.last(stage.file(file));
    String why = stage.await(layout.over(), "the end of " + client + "'s layout of " + file);
    WorkStatus status =
        new DirectAccess(
                by,
                layout,
                (link, key, place, at, count) -> link.write(key, place, count, by.fill()))
            .over(layout.extents().getFirst().fileOffset(), BYTES);
    stage.journal().note(client, "poked", "tried its dead handle: " + status + " (" + why + ")");
  }
}
