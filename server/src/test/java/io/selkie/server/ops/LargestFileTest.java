package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.SeekWhence;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: clients are told how large a file can be, to the byte, and cannot go beyond it. */
@Timeout(120)
class LargestFileTest {

  private final Kernel kernel = new LinuxKernel();
  private ServerFixture server;
  private FileCalls client;
  private byte[] root;
  private byte[] handle;
  private Stateid4 stateid;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture();
    client = server.client("client");
    root = client.handleOf("data");
    Opened opened = client.create(root, "f");
    handle = opened.handle();
    stateid = opened.stateid();
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private long told() {
    Bitmap4 asked = new Bitmap4().set(FileAttributes.FATTR4_MAXFILESIZE);
    XdrReader in = client.on(handle, NfsOp4.OP_GETATTR, asked::encode).in();
    new Bitmap4().decode(in);
    in.int32();
    return in.int64();
  }

  /** What the kernel says of a file where the export is. */
  private long position(long offset) {
    Path file = server.export().resolve("f");
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(file.toString()),
            OpenFlags.RDONLY | OpenFlags.CLOEXEC,
            0,
            0);
    assertThat(fd).isNotNegative();
    try {
      return kernel.lseek(fd, offset, SeekWhence.SET);
    } finally {
      kernel.close(fd);
    }
  }

  @Test
  void toldIsWhatTheFileSystemTakes() {
    long most = told();
    assertThat(position(most)).isEqualTo(most);
    if (most < Long.MAX_VALUE) {
      assertThat(position(most + 1)).isEqualTo(Errno.EINVAL.result());
    }
  }

  @Test
  void nothingGrowsBeyondIt() {
    long most = told();
    if (most < Long.MAX_VALUE) {
      assertThat(client.setAttr(handle, stateid, FileCalls.size(most + 1)))
          .isEqualTo("NFS4ERR_FBIG");
    }
    assertThat(client.setAttr(handle, stateid, FileCalls.size(-1))).isEqualTo("NFS4ERR_FBIG");
    byte[] data = {1, 2};
    assertThat(client.write(handle, stateid, most, Nfs4Const.UNSTABLE4, data).status())
        .isEqualTo("NFS4ERR_FBIG");
    Calls42 calls42 = new Calls42(client);
    assertThat(
            calls42
                .on(
                    handle,
                    NfsOp4.OP_ALLOCATE,
                    o -> {
                      Stateids.encode(o, stateid);
                      o.int64(most - 1);
                      o.int64(2);
                    })
                .status())
        .isEqualTo("NFS4ERR_FBIG");
    assertThat(client.attributes(handle).size()).isZero();
    assertThat(client.open(root, "f", BOTH, DENY_NONE).status()).isEqualTo("NFS4_OK");
  }
}
