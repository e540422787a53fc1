package io.selkie.test.dax;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.server.SelkieServer;
import io.selkie.test.wire.OneSided;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;

/** A client of its own with a layout for writing of all of one file. */
final class LayoutHolder implements AutoCloseable {
  private final RawNfs nfs;
  private final RawNfs.OpenFile file;
  private final RawNfs.Layout layout;
  private final OneSided access;

  LayoutHolder(SelkieServer server, String export, String name) throws IOException {
    nfs = RawNfs.connect(server.nfsAddress(), export + "/" + name);
    file = nfs.open(export, name);
    layout = nfs.layoutGet(file, file.stateid(), Op.IOMODE_RW, 0, -1);
    assertThat(layout.status()).isZero();
    access =
        new OneSided(
            server.rdmaAddress().orElseThrow(), nfs.sessionId(), layout.extents().getFirst());
  }

  /** The way to its extent. */
  OneSided access() {
    return access;
  }

  /** Has the server make durable what it wrote; the status of that. */
  int commit(long offset, long length) throws IOException {
    return nfs.compound(
            Op.putFh(file.handle().bytes()),
            Op.layoutCommit(layout.stateid().bytes(), offset, length))
        .status();
  }

  @Override
  public void close() throws IOException {
    access.close();
    nfs.close();
  }
}
