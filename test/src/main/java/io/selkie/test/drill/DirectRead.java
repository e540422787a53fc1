package io.selkie.test.drill;

import io.selkie.config.Setting;
import io.selkie.rdma.WorkStatus;
import java.util.Optional;

/**
 * {@code read}: a client reads one-sided, and finds what must be there.
 *
 * @param length 0 for all of the file
 */
record DirectRead(
    @Setting(max = 32) String client,
    @Setting(max = 64) String file,
    @Setting(value = "0", max = 64 << 20) long offset,
    @Setting(value = "0", max = 64 << 20) long length)
    implements Step {

  @Override
  public String text() {
    return client + " reads from " + file + " one-sided";
  }

  @Override
  public void run(Stage stage) throws Exception {
    DrillFile from = stage.file(file);
    DrillClient by = stage.client(client);
    int bytes = (int) from.rangeBytes(offset, length);
    byte[] read = new byte[bytes];
    WorkStatus status =
        new DirectAccess(
                by,
                by.last(from),
                (link, key, place, at, count) ->
                    link.read(key, place, read, (int) (at - offset), count))
            .over(offset, bytes);
    if (status != WorkStatus.SUCCESS) {
      throw new StepFailedException(text() + ": " + status);
    }
    Optional<String> difference = from.content().difference(offset, read);
    if (difference.isPresent()) {
      throw new StepFailedException(text() + ": " + difference.get());
    }
    stage.journal().note(client, "read", bytes + " bytes of " + file + " read one-sided");
  }
}
