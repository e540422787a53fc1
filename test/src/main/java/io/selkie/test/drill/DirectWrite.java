package io.selkie.test.drill;

import io.selkie.config.Setting;
import io.selkie.rdma.WorkStatus;

/**
 * {@code write}: a client writes one-sided, and the bytes are there for certain when it is done.
 * What it writes is the first letter of its name.
 *
 * @param length 0 for all of the file
 */
record DirectWrite(
    @Setting(max = 32) String client,
    @Setting(max = 64) String file,
    @Setting(value = "0", max = 64 << 20) long offset,
    @Setting(value = "0", max = 64 << 20) long length)
    implements Step {

  @Override
  public String text() {
    return client + " writes to " + file + " one-sided";
  }

  @Override
  public void run(Stage stage) throws Exception {
    DrillFile to = stage.file(file);
    DrillClient by = stage.client(client);
    HeldLayout layout = by.last(to);
    long bytes = to.rangeBytes(offset, length);
    to.content().doubt(offset, bytes);
    WorkStatus status =
        new DirectAccess(
                by,
                layout,
                (link, key, place, at, count) -> link.write(key, place, count, by.fill()))
            .over(offset, bytes);
    if (status != WorkStatus.SUCCESS) {
      throw new StepFailedException(text() + ": " + status);
    }
    to.content().write(offset, bytes, by.fill());
    stage.journal().note(client, "written", bytes + " bytes of " + file + " written one-sided");
  }
}
