package io.selkie.test.drill;

import io.selkie.config.Setting;
import io.selkie.protocol.nfs4.NfsStat4;

/** {@code return}: a client returns its layout of a file without being asked. */
record GiveBack(@Setting(max = 32) String client, @Setting(max = 64) String file) implements Step {

  @Override
  public String text() {
    return client + " returns its layout of " + file;
  }

  @Override
  public void run(Stage stage) throws Exception {
    DrillClient by = stage.client(client);
    int status = by.layoutReturn(by.last(stage.file(file)), 0, -1, stage.callsEnd());
    if (status != NfsStat4.NFS4_OK) {
      throw new StepFailedException(text() + ": " + NfsStat4.name(status));
    }
  }
}
