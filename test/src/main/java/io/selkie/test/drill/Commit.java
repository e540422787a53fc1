package io.selkie.test.drill;

import io.selkie.config.Setting;
import io.selkie.protocol.nfs4.NfsStat4;

/** {@code commit}: a client's LAYOUTCOMMIT of the whole file. */
record Commit(@Setting(max = 32) String client, @Setting(max = 64) String file) implements Step {

  @Override
  public String text() {
    return client + " commits " + file;
  }

  @Override
  public void run(Stage stage) throws Exception {
    DrillFile of = stage.file(file);
    DrillClient by = stage.client(client);
    int status = by.commit(by.last(of), 0, of.content().sizeBytes(), stage.callsEnd());
    if (status != NfsStat4.NFS4_OK) {
      throw new StepFailedException(text() + ": " + NfsStat4.name(status));
    }
  }
}
