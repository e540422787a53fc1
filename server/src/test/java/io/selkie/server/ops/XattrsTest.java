package io.selkie.server.ops;

import static io.selkie.server.ops.Calls42.CREATE;
import static io.selkie.server.ops.Calls42.EITHER;
import static io.selkie.server.ops.Calls42.REPLACE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Errno;
import io.selkie.posix.FaultInjectingKernel;
import io.selkie.posix.FaultInjectingKernel.When;
import io.selkie.posix.KernelCall;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.Calls42.Listed;
import io.selkie.server.ops.FileCalls.Answer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: extended attributes are those of the file system, both ways, and every refusal is right.
 */
@Timeout(120)
class XattrsTest {

  private final FaultInjectingKernel kernel = new FaultInjectingKernel(new LinuxKernel());
  private ServerFixture server;
  private FileCalls client;
  private Calls42 calls;
  private Path file;
  private byte[] handle;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture(kernel, "");
    file = Files.createFile(server.export().resolve("f"));
    client = server.client("alice");
    calls = new Calls42(client);
    handle = client.handleOf("data", "f");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  @Test
  void whatAClientSetsOthersSeeAndTheOtherWayRound() throws IOException {
    var local = Files.getFileAttributeView(file, UserDefinedFileAttributeView.class);
    assertThat(calls.setXattr(handle, EITHER, "colour", bytes("green"))).isEqualTo("NFS4_OK");
    ByteBuffer value = ByteBuffer.allocate(10);
    assertThat(local.read("colour", value)).isEqualTo(5);
    assertThat(new String(value.array(), 0, 5, UTF_8)).isEqualTo("green");

    local.write("size", ByteBuffer.wrap(bytes("XL")));
    Answer answer = calls.getXattr(handle, "size");
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    assertThat(answer.in().opaque(100)).isEqualTo(bytes("XL"));
    assertThat(calls.removeXattr(handle, "colour")).isEqualTo("NFS4_OK");
    assertThat(local.list()).containsExactly("size");
  }

  @Test
  void changeInfoShowsThatTheFileHasChanged() {
    Answer answer =
        calls.on(
            handle,
            NfsOp4.OP_SETXATTR,
            o -> {
              o.int32(EITHER);
              o.opaque(bytes("k"));
              o.opaque(bytes("v"));
            });
    assertThat(answer.in().bool()).as("atomic").isFalse();
    long before = answer.in().int64();
    assertThat(answer.in().int64()).isGreaterThan(before);
  }

  @Test
  void optionsSayWhetherItMayBeThereAlready() {
    assertThat(calls.setXattr(handle, REPLACE, "k", bytes("1"))).isEqualTo("NFS4ERR_NOXATTR");
    assertThat(calls.setXattr(handle, CREATE, "k", bytes("1"))).isEqualTo("NFS4_OK");
    assertThat(calls.setXattr(handle, CREATE, "k", bytes("2"))).isEqualTo("NFS4ERR_EXIST");
    assertThat(calls.setXattr(handle, REPLACE, "k", bytes(""))).isEqualTo("NFS4_OK");
    assertThat(calls.getXattr(handle, "k").in().opaque(10)).isEmpty();
    assertThat(calls.setXattr(handle, 3, "k", bytes("2"))).isEqualTo("NFS4ERR_BADXDR");
    assertThat(calls.removeXattr(handle, "none")).isEqualTo("NFS4ERR_NOXATTR");
    assertThat(calls.getXattr(handle, "none").status()).isEqualTo("NFS4ERR_NOXATTR");
  }

  @Test
  void namesAndValuesOutsideOfTheBoundsAreRefused() {
    assertThat(calls.setXattr(handle, EITHER, "", bytes("1"))).isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.setXattr(handle, EITHER, "a\0b", bytes("1"))).isEqualTo("NFS4ERR_INVAL");
    assertThat(calls.setXattr(handle, EITHER, "x".repeat(250), bytes("1"))).isEqualTo("NFS4_OK");
    assertThat(calls.setXattr(handle, EITHER, "x".repeat(251), bytes("1")))
        .isEqualTo("NFS4ERR_NAMETOOLONG");
    assertThat(calls.setXattr(handle, EITHER, "big", new byte[65_537]))
        .isEqualTo("NFS4ERR_XATTR2BIG");
    kernel.failAll(KernelCall.SET_XATTR, Errno.E2BIG);
    assertThat(calls.setXattr(handle, EITHER, "big", new byte[65_536]))
        .isEqualTo("NFS4ERR_XATTR2BIG");
    kernel.heal();
    assertThat(calls.getXattr(handle, "").status()).isEqualTo("NFS4ERR_INVAL");
  }

  @Test
  void listComesInPiecesAndWithoutOtherNamespaces() {
    List<String> all = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      String key = "key-" + i;
      all.add(key);
      assertThat(calls.setXattr(handle, CREATE, key, bytes("v"))).isEqualTo("NFS4_OK");
    }
    assertThat(calls.listXattrs(handle, 0, 65_536).keys()).containsExactlyInAnyOrderElementsOf(all);
    List<String> pieces = new ArrayList<>();
    Listed piece = calls.listXattrs(handle, 0, 60);
    while (!piece.eof()) {
      assertThat(piece.keys()).hasSizeBetween(1, 4);
      pieces.addAll(piece.keys());
      piece = calls.listXattrs(handle, piece.cookie(), 60);
    }
    pieces.addAll(piece.keys());
    assertThat(pieces).containsExactlyInAnyOrderElementsOf(all);
    assertThat(calls.listXattrs(handle, 0, 20).status()).isEqualTo("NFS4ERR_TOOSMALL");
    assertThat(calls.listXattrs(handle, 1000, 4096))
        .isEqualTo(new Listed("NFS4_OK", 20, List.of(), true));
  }

  @Test
  void directoriesHaveThemAndLinksDoNot() throws IOException {
    Files.createSymbolicLink(server.export().resolve("l"), Path.of("f"));
    byte[] link = client.handleOf("data", "l");
    assertThat(calls.setXattr(link, EITHER, "k", bytes("1"))).isEqualTo("NFS4ERR_WRONG_TYPE");
    assertThat(calls.listXattrs(link, 0, 4096).status()).isEqualTo("NFS4ERR_WRONG_TYPE");
    byte[] directory = client.handleOf("data");
    assertThat(calls.setXattr(directory, EITHER, "k", bytes("1"))).isEqualTo("NFS4_OK");
    assertThat(calls.listXattrs(directory, 0, 4096).keys()).contains("k");
    assertThat(calls.getXattr(handle, "k").status()).isEqualTo("NFS4ERR_NOXATTR");
    byte[] root = client.handleOf();
    assertThat(calls.setXattr(root, EITHER, "k", bytes("1"))).isEqualTo("NFS4ERR_ROFS");
    assertThat(calls.getXattr(root, "k").status()).isEqualTo("NFS4ERR_NOTSUPP");
  }

  @Test
  void valueThatGrowsWhileItIsReadIsReadAgain() {
    assertThat(calls.setXattr(handle, EITHER, "k", bytes("value"))).isEqualTo("NFS4_OK");
    // The second call of GETXATTR is the one for the value.
    kernel.failNth(KernelCall.GET_XATTR, 2, Errno.ERANGE, When.INSTEAD);
    assertThat(calls.getXattr(handle, "k").in().opaque(10)).isEqualTo(bytes("value"));
    assertThat(kernel.injected()).isEqualTo(1);
    kernel.failAll(KernelCall.GET_XATTR, Errno.EIO);
    assertThat(calls.getXattr(handle, "k").status()).isEqualTo("NFS4ERR_IO");
  }

  @Test
  void supportIsTold() {
    assertThat(supported()).isTrue();
    kernel.failAll(KernelCall.LIST_XATTR, Errno.EOPNOTSUPP);
    assertThat(supported()).isFalse();
    assertThat(calls.listXattrs(handle, 0, 4096).status()).isEqualTo("NFS4ERR_NOTSUPP");
  }

  private boolean supported() {
    Bitmap4 asked = Bitmap4.of(FileAttributes.FATTR4_XATTR_SUPPORT);
    XdrReader in = calls.on(handle, NfsOp4.OP_GETATTR, asked::encode).in();
    assertThat(new Bitmap4().decode(in)).isEqualTo(asked);
    in.int32();
    return in.bool();
  }

  @Test
  void accessTellsOfThemInNfs42Only() {
    int all = 0x40 | 0x80 | 0x100;
    XdrReader in = calls.on(handle, NfsOp4.OP_ACCESS, o -> o.int32(all)).in();
    assertThat(in.int32()).isEqualTo(all);
    assertThat(in.int32()).isEqualTo(all);
    XdrReader old = client.on(handle, NfsOp4.OP_ACCESS, o -> o.int32(all)).in();
    assertThat(old.int32()).isZero();
    assertThat(calls.inNfs41(handle, NfsOp4.OP_GETXATTR)).isEqualTo("NFS4ERR_OP_ILLEGAL");
  }

  @Test
  void readOnlyExportKeepsItsAttributes() throws IOException {
    server.close();
    server = new ServerFixture(new LinuxKernel(), "readOnly: true");
    Files.createFile(server.export().resolve("f"));
    client = server.client("alice");
    calls = new Calls42(client);
    handle = client.handleOf("data", "f");
    assertThat(calls.setXattr(handle, EITHER, "k", bytes("1"))).isEqualTo("NFS4ERR_ROFS");
    assertThat(calls.removeXattr(handle, "k")).isEqualTo("NFS4ERR_ROFS");
    assertThat(calls.getXattr(handle, "k").status()).isEqualTo("NFS4ERR_NOXATTR");
  }
}
