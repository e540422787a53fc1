package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.FileCalls.Answer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a client goes from an export into another one that lies in it and back, by LOOKUP, READDIR
 * and LOOKUPP, and sees by fsid and mounted_on_fileid where the one ends (RFC 8881 section 7.7).
 */
@Timeout(120)
class NestedExportTest {

  /** What READDIR and GETATTR are asked for. */
  private static final Bitmap4 ASKED =
      Bitmap4.of(
          FileAttributes.FATTR4_FSID,
          FileAttributes.FATTR4_FILEHANDLE,
          FileAttributes.FATTR4_FILEID,
          FileAttributes.FATTR4_MOUNTED_ON_FILEID);

  @SuppressWarnings("ArrayRecordComponent") // Compared part by part.
  private record Seen(long fsid, byte[] handle, long fileId, long mountedOn) {
    static Seen decode(XdrReader in) {
      assertThat(new Bitmap4().decode(in)).isEqualTo(ASKED);
      in.int32();
      long fsid = in.int64();
      assertThat(in.int64()).as("fsid.minor").isZero();
      return new Seen(fsid, in.opaque(Nfs4Const.NFS4_FHSIZE), in.int64(), in.int64());
    }
  }

  private TwoExports server;
  private FileCalls client;

  @BeforeEach
  void start() throws IOException {
    server = new TwoExports(new LinuxKernel(), 500, "outer", "outer/sub/inner");
    Files.writeString(covered().resolve("hidden"), "of the outer export");
    Files.createDirectory(server.of("outer/sub/inner").resolve("deep"));
    Files.writeString(server.of("outer/sub/inner").resolve("file"), "of the inner export");
    client = server.client("alice");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private Path covered() {
    return server.of("outer").resolve("sub/inner");
  }

  private static long inode(Path path) throws IOException {
    return (Long) Files.getAttribute(path, "unix:ino");
  }

  private Seen seen(byte[] handle) {
    Answer answer = client.on(handle, NfsOp4.OP_GETATTR, ASKED::encode);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    return Seen.decode(answer.in());
  }

  private Map<String, Seen> list(byte[] directory) {
    Answer answer = client.readDir(directory, 0, 0, 8192, ASKED);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    XdrReader in = answer.in();
    in.int64();
    Map<String, Seen> all = new HashMap<>();
    while (in.bool()) {
      in.int64();
      all.put(new String(in.opaque(255), UTF_8), Seen.decode(in));
    }
    assertThat(in.bool()).as("end of the directory").isTrue();
    return all;
  }

  private byte[] parent(byte[] directory) {
    Answer answer =
        client.call(
            c -> FileCalls.putFh(directory).apply(c).op(NfsOp4.OP_LOOKUPP).op(NfsOp4.OP_GETFH),
            NfsOp4.OP_PUTFH,
            NfsOp4.OP_LOOKUPP,
            NfsOp4.OP_GETFH);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    return answer.in().opaque(Nfs4Const.NFS4_FHSIZE);
  }

  @Test
  void lookupCrossesAndTheFsidSaysSo() throws IOException {
    Seen sub = seen(client.handleOf("outer", "sub"));
    Seen inner = seen(client.handleOf("outer", "sub", "inner"));
    assertThat(sub.fsid()).isEqualTo(seen(client.handleOf("outer")).fsid());
    assertThat(inner.fsid()).isNotEqualTo(sub.fsid());
    assertThat(inner.fileId()).isEqualTo(inode(server.of("outer/sub/inner")));
    assertThat(inner.mountedOn()).isEqualTo(inode(covered()));
    assertThat(sub.mountedOn()).as("nothing is mounted there").isEqualTo(sub.fileId());
    byte[] file = client.handleOf("outer", "sub", "inner", "file");
    assertThat(seen(file).fsid()).isEqualTo(inner.fsid());
    assertThat(client.lookup(inner.handle(), "hidden").status()).isEqualTo("NFS4ERR_NOENT");
  }

  @Test
  void listingShowsTheInnerExportInItsPlace() throws IOException {
    Map<String, Seen> outer = list(client.handleOf("outer", "sub"));
    assertThat(outer).containsOnlyKeys("inner");
    Seen listed = outer.get("inner");
    Seen found = seen(client.handleOf("outer", "sub", "inner"));
    assertThat(listed.fsid()).isEqualTo(found.fsid());
    assertThat(listed.handle()).isEqualTo(found.handle());
    assertThat(listed.fileId()).isEqualTo(found.fileId());
    assertThat(listed.mountedOn()).isEqualTo(inode(covered()));
    assertThat(list(found.handle())).containsOnlyKeys("deep", "file");
  }

  @Test
  void parentOfTheInnerExportLiesInTheOuterOne() {
    byte[] inner = client.handleOf("outer", "sub", "inner");
    byte[] sub = client.handleOf("outer", "sub");
    assertThat(parent(client.handleOf("outer", "sub", "inner", "deep"))).isEqualTo(inner);
    assertThat(parent(inner)).isEqualTo(sub);
    assertThat(parent(sub)).isEqualTo(client.handleOf("outer"));
    assertThat(parent(client.handleOf("outer"))).isEqualTo(client.handleOf());
  }

  @Test
  void nothingIsMovedOrLinkedOverTheBorder() throws IOException {
    byte[] sub = client.handleOf("outer", "sub");
    byte[] inner = client.handleOf("outer", "sub", "inner");
    byte[] file = client.handleOf("outer", "sub", "inner", "file");
    assertThat(client.rename(inner, "file", sub, "file")).isEqualTo("NFS4ERR_XDEV");
    assertThat(client.link(file, sub, "file")).isEqualTo("NFS4ERR_XDEV");
    assertThat(client.remove(sub, "inner")).isEqualTo("NFS4ERR_FILE_OPEN");
    assertThat(server.of("outer/sub/inner").resolve("file")).exists();
  }
}
