package io.selkie.server.ops.attr;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.QuotaStatus;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.acl.AclMapping;
import io.selkie.server.acl.Nfs4Ace;
import io.selkie.server.acl.PosixAcl;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class AttrTest {

  private final Source source = new Source();

  @Test
  void everyRequiredAttributeIsThere() {
    Bitmap4 required = new Bitmap4();
    for (int number = 0; number <= FileAttributes.FATTR4_RDATTR_ERROR; number++) {
      required.set(number);
    }
    required.set(FileAttributes.FATTR4_FILEHANDLE).set(FileAttributes.FATTR4_SUPPATTR_EXCLCREAT);
    assertThat(AttrSets.supported().containsAll(required)).isTrue();
  }

  @Test
  void valuesComeInTheOrderOfTheirNumbersAndWhatIsNotThereIsLeftOut() {
    source.acls = false;
    Bitmap4 asked =
        new Bitmap4()
            .set(FileAttributes.FATTR4_OWNER)
            .set(FileAttributes.FATTR4_SIZE)
            .set(FileAttributes.FATTR4_ACL)
            .set(FileAttributes.FATTR4_FS_LAYOUT_TYPES);
    XdrReader in = encoded(asked);
    Bitmap4 given = new Bitmap4().decode(in);
    assertThat(given.isSet(FileAttributes.FATTR4_ACL)).isFalse();
    assertThat(in.int32()).isEqualTo(in.remaining());
    assertThat(in.int64()).isEqualTo(4711);
    assertThat(in.utf8(10)).isEqualTo("1000");
    assertThat(in.int32()).isEqualTo(1);
    assertThat(in.int32()).isEqualTo(LayoutConst4.LAYOUT4_RDMA);
    assertThat(in.remaining()).isZero();
  }

  @Test
  void everyReadableAttributeEncodesAndComparesAsTheSame() {
    for (int n = AttrSets.readable().next(0); n >= 0; n = AttrSets.readable().next(n + 1)) {
      if (n == FileAttributes.FATTR4_RDATTR_ERROR) {
        continue;
      }
      AttrComparison same = AttrComparison.decode(encoded(new Bitmap4().set(n)));
      assertThat(same.compare(source)).as("attribute " + n).isEqualTo(NfsStat4.NFS4ERR_SAME);
    }
  }

  @Test
  void comparisonSeesADifferenceAndRefusesWhatCannotBeRead() {
    AttrComparison size =
        AttrComparison.decode(encoded(new Bitmap4().set(FileAttributes.FATTR4_SIZE)));
    source.acls = false;
    source.status.size(1);
    assertThat(size.compare(source)).isEqualTo(NfsStat4.NFS4ERR_NOT_SAME);
    assertThat(comparison(FileAttributes.FATTR4_ACL)).isEqualTo(NfsStat4.NFS4ERR_ATTRNOTSUPP);
    assertThat(comparison(FileAttributes.FATTR4_TIME_MODIFY_SET)).isEqualTo(NfsStat4.NFS4ERR_INVAL);
    assertThat(comparison(FileAttributes.FATTR4_RDATTR_ERROR)).isEqualTo(NfsStat4.NFS4ERR_INVAL);
  }

  private int comparison(int number) {
    return AttrComparison.decode(fattr(new Bitmap4().set(number), out -> out.int64(0)))
        .compare(source);
  }

  @Test
  void attributesToSetAreRead() {
    SetAttrs attrs =
        SetAttrs.decode(
            fattr(
                new Bitmap4()
                    .set(FileAttributes.FATTR4_SIZE)
                    .set(FileAttributes.FATTR4_MODE)
                    .set(FileAttributes.FATTR4_OWNER_GROUP)
                    .set(FileAttributes.FATTR4_TIME_ACCESS_SET)
                    .set(FileAttributes.FATTR4_TIME_MODIFY_SET),
                out -> {
                  out.int64(99);
                  out.int32(0640);
                  out.utf8("42");
                  out.int32(0);
                  out.int32(1);
                  out.int64(-5);
                  out.int32(7);
                }));
    assertThat(attrs.status()).isEqualTo(NfsStat4.NFS4_OK);
    assertThat(attrs.size()).isEqualTo(99);
    assertThat(attrs.mode(0)).isEqualTo(0640);
    assertThat(attrs.uid()).isEqualTo(-1);
    assertThat(attrs.gid()).isEqualTo(42);
    assertThat(attrs.accessTime().nanos()).isEqualTo(FileStatus.UTIME_NOW);
    assertThat(attrs.modifyTime().seconds()).isEqualTo(-5);
  }

  @Test
  void whatCannotBeSetIsToldApart() {
    assertThat(status(FileAttributes.FATTR4_ARCHIVE, out -> out.int32(0)))
        .isEqualTo(NfsStat4.NFS4ERR_ATTRNOTSUPP);
    assertThat(status(FileAttributes.FATTR4_CHANGE, out -> out.int64(0)))
        .isEqualTo(NfsStat4.NFS4ERR_INVAL);
    assertThat(status(FileAttributes.FATTR4_MODE, out -> out.int32(0x10000)))
        .isEqualTo(NfsStat4.NFS4ERR_INVAL);
    assertThat(status(FileAttributes.FATTR4_SIZE, out -> out.int64(-1)))
        .isEqualTo(NfsStat4.NFS4ERR_FBIG);
    assertThat(status(FileAttributes.FATTR4_OWNER, out -> out.utf8("root@example.org")))
        .isEqualTo(NfsStat4.NFS4ERR_BADOWNER);
    assertThat(status(FileAttributes.FATTR4_OWNER, out -> out.utf8("4294967295")))
        .isEqualTo(NfsStat4.NFS4ERR_BADOWNER);
    assertThat(
            status(
                FileAttributes.FATTR4_TIME_MODIFY_SET,
                out -> {
                  out.int32(1);
                  out.int64(0);
                  out.int32(1_000_000_000);
                }))
        .isEqualTo(NfsStat4.NFS4ERR_INVAL);
    assertThat(
            status(
                FileAttributes.FATTR4_MODE,
                out -> {
                  out.int32(0);
                  out.int32(0);
                }))
        .isEqualTo(NfsStat4.NFS4ERR_BADXDR);
  }

  @Test
  void exclusiveCreateLeavesTheVerifiersPlaceAlone() {
    Bitmap4 set = AttrSupport.of(2, true, true, true).exclusiveCreate();
    assertThat(set.isSet(FileAttributes.FATTR4_MODE)).isTrue();
    assertThat(set.isSet(FileAttributes.FATTR4_TIME_MODIFY_SET)).isFalse();
  }

  @Property(tries = 2000)
  void anyBytesAreAttributesOrBadXdr(@ForAll byte[] bytes) {
    XdrReader in = new XdrReader(ByteBuffer.wrap(bytes));
    try {
      SetAttrs.decode(in);
      assertThat(in.position()).isPositive();
    } catch (XdrException e) {
      assertThat(e.kind()).isNotNull();
    }
  }

  private static int status(int number, Consumer<XdrWriter> values) {
    return SetAttrs.decode(fattr(new Bitmap4().set(number), values)).status();
  }

  private static XdrReader fattr(Bitmap4 mask, Consumer<XdrWriter> values) {
    XdrWriter out = new XdrWriter(ByteBuffer.allocate(8192));
    mask.encode(out);
    int length = out.beginOpaque();
    values.accept(out);
    out.endOpaque(length);
    return new XdrReader(out.buffer().flip());
  }

  private XdrReader encoded(Bitmap4 asked) {
    XdrWriter out = new XdrWriter(ByteBuffer.allocate(8192));
    AttrSets.encode(out, asked, source);
    return new XdrReader(out.buffer().flip());
  }

  /** A regular file of 4711 bytes. */
  private static final class Source implements AttrSource {
    private final FileStatus status =
        new FileStatus().mode(FileStatus.TYPE_REGULAR | 0644).size(4711).uid(1000).gid(100);
    private boolean acls = true;
    private final FileSystemStatus fileSystem = new FileSystemStatus();

    Source() {
      fileSystem.set(0xEF53, 4096, 1000, 500, 400, 100, 50);
    }

    @Override
    public AttrSupport support() {
      return AttrSupport.of(2, acls, true, true);
    }

    @Override
    public QuotaStatus quota() {
      QuotaStatus quota = new QuotaStatus();
      quota.set(1 << 20, 0, 4096);
      return quota;
    }

    @Override
    public List<Nfs4Ace> acl() {
      return AclMapping.toNfs4(
          new AclMapping.PosixAcls(PosixAcl.ofMode(0640), Optional.empty()), false);
    }

    @Override
    public List<String> fileSystemRoot() {
      return List.of("a", "b");
    }

    @Override
    public FileStatus status() {
      return status;
    }

    @Override
    public long change() {
      return 815;
    }

    @Override
    public FileSystemStatus fileSystem() {
      return fileSystem;
    }

    @Override
    public void encodeFileHandle(XdrWriter out) {
      out.opaque(new byte[] {1, 2, 3});
    }

    @Override
    public long fsidMajor() {
      return 8;
    }

    @Override
    public long mountedOnFileId() {
      return status.inode();
    }

    @Override
    public int rdattrError() {
      return NfsStat4.NFS4_OK;
    }

    @Override
    public boolean hasXattrs() {
      return true;
    }

    @Override
    public List<Integer> layoutTypes() {
      return List.of(LayoutConst4.LAYOUT4_RDMA);
    }

    @Override
    public ServerAttributes server() {
      return new ServerAttributes(90, 1 << 20, 1 << 20);
    }
  }
}
