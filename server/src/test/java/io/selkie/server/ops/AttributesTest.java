package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.fattr;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.acl.Nfs4Ace;
import io.selkie.server.acl.PosixAcl;
import io.selkie.server.acl.PosixAcl.Entry;
import io.selkie.server.ops.FileCalls.Answer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Attributes, access control lists and listings as a client sees them. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class AttributesTest {
  private static final byte[] ACCESS = Names.bytes("system.posix_acl_access");
  private static final byte[] DEFAULT = Names.bytes("system.posix_acl_default");
  private static final int USER = 4242;

  /** rwxr-x--- and rw- for one user. */
  private static final PosixAcl FOR_ONE_USER =
      new PosixAcl(
          List.of(
              new Entry(PosixAcl.USER_OBJ, 7, -1),
              new Entry(PosixAcl.USER, 6, USER),
              new Entry(PosixAcl.GROUP_OBJ, 5, -1),
              new Entry(PosixAcl.MASK, 7, -1),
              new Entry(PosixAcl.OTHER, 0, -1)));

  private final Kernel kernel = new LinuxKernel();
  private ServerFixture server;
  private FileCalls client;
  private Calls42 calls42;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture();
    client = server.client("client");
    calls42 = new Calls42(client);
    root = client.handleOf("data");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  @Test
  void whatIsSupportedDependsOnTheMinorVersion() {
    Bitmap4 asked = new Bitmap4().set(FileAttributes.FATTR4_SUPPORTED_ATTRS);
    Bitmap4 in41 = new Bitmap4().decode(values(client.on(root, NfsOp4.OP_GETATTR, asked::encode)));
    Bitmap4 in42 = new Bitmap4().decode(values(calls42.on(root, NfsOp4.OP_GETATTR, asked::encode)));
    assertThat(in42.containsAll(in41)).isTrue();
    for (int later :
        new int[] {
          FileAttributes.FATTR4_CHANGE_ATTR_TYPE,
          FileAttributes.FATTR4_MODE_UMASK,
          FileAttributes.FATTR4_XATTR_SUPPORT,
          FileAttributes.FATTR4_CLONE_BLKSIZE
        }) {
      assertThat(in41.isSet(later)).as("attribute %s in 4.1", later).isFalse();
      assertThat(in42.isSet(later)).as("attribute %s in 4.2", later).isTrue();
    }
    assertThat(in41.isSet(FileAttributes.FATTR4_ACL)).isTrue();
  }

  @Test
  void whatCanOnlyBeSetIsNotRead() {
    Bitmap4 asked = new Bitmap4().set(FileAttributes.FATTR4_MODE_SET_MASKED);
    assertThat(client.on(root, NfsOp4.OP_GETATTR, asked::encode).status())
        .isEqualTo("NFS4ERR_INVAL");
  }

  @Test
  void listIsTheModesUntilALocalProcessSetsOneAndThenTheChangeShows() throws IOException {
    Path path = Files.writeString(file("f"), "");
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-r-----"));
    byte[] handle = client.handleOf("data", "f");
    assertThat(acl(handle)).extracting(Ace::who).containsExactly("OWNER@", "GROUP@", "EVERYONE@");
    long before = change(handle);

    setXattr(path, ACCESS, FOR_ONE_USER);

    assertThat(acl(handle))
        .extracting(Ace::who)
        .contains("OWNER@", Integer.toString(USER), "GROUP@", "EVERYONE@");
    assertThat(change(handle)).isGreaterThan(before);
  }

  @Test
  void listThatAClientSetsIsTheKernelsAndMovesTheMode() throws IOException {
    Path path = Files.writeString(file("f"), "");
    byte[] handle = client.handleOf("data", "f");
    Answer answer =
        client.on(
            handle,
            NfsOp4.OP_SETATTR,
            o -> {
              Stateids.encode(o, Stateids.ANONYMOUS);
              aclOf(
                      new Ace(Nfs4Ace.ALLOW, 0, 0x27, "OWNER@"),
                      new Ace(Nfs4Ace.ALLOW, 0, 0x07, Integer.toString(USER)),
                      new Ace(Nfs4Ace.ALLOW, 0, 0x01, "GROUP@"),
                      new Ace(Nfs4Ace.ALLOW, 0, 0, "EVERYONE@"))
                  .accept(o);
            });
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    assertThat(new Bitmap4().decode(answer.in()))
        .isEqualTo(new Bitmap4().set(FileAttributes.FATTR4_ACL));
    assertThat(xattr(path, ACCESS))
        .contains(
            new PosixAcl(
                List.of(
                    new Entry(PosixAcl.USER_OBJ, 7, -1),
                    new Entry(PosixAcl.USER, 6, USER),
                    new Entry(PosixAcl.GROUP_OBJ, 4, -1),
                    new Entry(PosixAcl.MASK, 6, -1),
                    new Entry(PosixAcl.OTHER, 0, -1))));
    assertThat(client.attributes(handle).permissions()).isEqualTo(0760);

    // The other way round: a mode cuts what the list grants.
    assertThat(client.setAttr(handle, Stateids.ANONYMOUS, FileCalls.mode(0600)))
        .isEqualTo("NFS4_OK");
    assertThat(acl(handle))
        .filteredOn(ace -> ace.who.equals(Integer.toString(USER)) && ace.type == Nfs4Ace.ALLOW)
        .allMatch(ace -> (ace.mask & (Nfs4Ace.READ_DATA | Nfs4Ace.WRITE_DATA)) == 0);
  }

  @Test
  void directoryWithoutInheritableEntriesLosesItsDefaultList() throws IOException {
    Path path = Files.createDirectory(file("d"));
    setXattr(path, DEFAULT, PosixAcl.ofMode(0750));
    byte[] handle = client.handleOf("data", "d");
    assertThat(acl(handle)).anyMatch(ace -> (ace.flags & Nfs4Ace.INHERIT_ONLY) != 0);
    assertThat(
            client.setAttr(
                handle,
                Stateids.ANONYMOUS,
                aclOf(new Ace(Nfs4Ace.ALLOW, 0, 0x1000a7, "EVERYONE@"))))
        .isEqualTo("NFS4_OK");
    assertThat(xattr(path, DEFAULT)).isEmpty();
  }

  @Test
  void listsThatCannotBeKeptAreRefused() throws IOException {
    Files.writeString(file("f"), "");
    byte[] handle = client.handleOf("data", "f");
    assertThat(
            client.setAttr(
                handle,
                Stateids.ANONYMOUS,
                aclOf(new Ace(Nfs4Ace.ALLOW, 0, 1, "no such user there is"))))
        .isEqualTo("NFS4ERR_BADOWNER");
    assertThat(client.setAttr(handle, Stateids.ANONYMOUS, aclOf(new Ace(2, 0, 1, "EVERYONE@"))))
        .isEqualTo("NFS4ERR_ATTRNOTSUPP");
    assertThat(
            client.setAttr(
                handle,
                Stateids.ANONYMOUS,
                aclOf(new Ace(Nfs4Ace.ALLOW, Nfs4Ace.FILE_INHERIT, 1, "EVERYONE@"))))
        .isEqualTo("NFS4ERR_ATTRNOTSUPP");
  }

  @Test
  void umaskCountsOnlyWhereThereIsNoDefaultList() throws IOException {
    Files.createDirectory(file("plain"));
    Path inheriting = Files.createDirectory(file("inheriting"));
    setXattr(inheriting, DEFAULT, PosixAcl.ofMode(0770));
    Consumer<XdrWriter> modeUmask =
        fattr(
            new Bitmap4().set(FileAttributes.FATTR4_MODE_UMASK),
            o -> {
              o.int32(0777);
              o.int32(0027);
            });
    for (String parent : new String[] {"plain", "inheriting"}) {
      Answer answer =
          calls42.on(
              client.handleOf("data", parent),
              NfsOp4.OP_CREATE,
              o -> {
                o.int32(Nfs4Const.NF4DIR);
                FileCalls.name("made").accept(o);
                modeUmask.accept(o);
              });
      assertThat(answer.status()).isEqualTo("NFS4_OK");
      answer.in().skip(FileOperation.CHANGE_INFO_BYTES);
      assertThat(new Bitmap4().decode(answer.in()))
          .isEqualTo(new Bitmap4().set(FileAttributes.FATTR4_MODE_UMASK));
    }
    assertThat(client.attributes(client.handleOf("data", "plain", "made")).permissions())
        .isEqualTo(0750);
    assertThat(client.attributes(client.handleOf("data", "inheriting", "made")).permissions())
        .isEqualTo(0770);
    assertThat(
            calls42
                .on(
                    root,
                    NfsOp4.OP_SETATTR,
                    o -> {
                      Stateids.encode(o, Stateids.ANONYMOUS);
                      modeUmask.accept(o);
                    })
                .status())
        .isEqualTo("NFS4ERR_INVAL");
  }

  @Test
  void newFileKeepsWhatTheDefaultListTakesAway() throws IOException {
    Path inheriting = Files.createDirectory(file("d"));
    setXattr(inheriting, DEFAULT, PosixAcl.ofMode(0700));
    assertThat(client.create(client.handleOf("data", "d"), "f").status()).isEqualTo("NFS4_OK");
    assertThat(client.attributes(client.handleOf("data", "d", "f")).permissions()).isEqualTo(0600);
  }

  @Test
  void maskedModeLeavesTheOtherBits() throws IOException {
    Path path = Files.writeString(file("f"), "");
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxr-xr--"));
    byte[] handle = client.handleOf("data", "f");
    Bitmap4 masked = new Bitmap4().set(FileAttributes.FATTR4_MODE_SET_MASKED);
    assertThat(
            client.setAttr(
                handle,
                Stateids.ANONYMOUS,
                fattr(
                    masked,
                    o -> {
                      o.int32(0020);
                      o.int32(0070);
                    })))
        .isEqualTo("NFS4_OK");
    assertThat(client.attributes(handle).permissions()).isEqualTo(0724);
    assertThat(
            client.setAttr(
                handle,
                Stateids.ANONYMOUS,
                fattr(
                    new Bitmap4().assign(masked).set(FileAttributes.FATTR4_MODE),
                    o -> {
                      o.int32(0600);
                      o.int32(0020);
                      o.int32(0070);
                    })))
        .isEqualTo("NFS4ERR_INVAL");
  }

  @Test
  void exclusiveCreateSaysWhatItSetAndWhereTheVerifierIs() {
    var made =
        client.open(
            root,
            FileCalls.BOTH,
            FileCalls.DENY_NONE,
            "owner",
            FileCalls.exclusive41(0x8123_4567_89ab_cdefL, FileCalls.mode(0640)),
            FileCalls.claimName("f"));
    assertThat(made.status()).isEqualTo("NFS4_OK");
    assertThat(made.set())
        .isEqualTo(
            new Bitmap4()
                .set(FileAttributes.FATTR4_MODE)
                .set(FileAttributes.FATTR4_TIME_ACCESS_SET)
                .set(FileAttributes.FATTR4_TIME_MODIFY_SET));
    // All 64 bits count.
    for (long other : new long[] {0x0123_4567_89ab_cdefL, 0x8123_4567_09ab_cdefL}) {
      assertThat(
              client
                  .open(
                      root,
                      FileCalls.BOTH,
                      FileCalls.DENY_NONE,
                      "owner",
                      FileCalls.exclusive41(other, FileCalls.mode(0640)),
                      FileCalls.claimName("f"))
                  .status())
          .isEqualTo("NFS4ERR_EXIST");
    }
    assertThat(
            client
                .open(
                    root,
                    FileCalls.BOTH,
                    FileCalls.DENY_NONE,
                    "owner",
                    FileCalls.exclusive41(0x8123_4567_89ab_cdefL, FileCalls.mode(0640)),
                    FileCalls.claimName("f"))
                .status())
        .isEqualTo("NFS4_OK");
    assertThat(client.attributes(client.handleOf("data", "f")).permissions()).isEqualTo(0640);
  }

  @Test
  void namesNeedNotBeUtf8() throws IOException {
    byte[] name = "caf\u00e9-\u00ff".getBytes(ISO_8859_1);
    assertThat(
            client
                .on(
                    root,
                    NfsOp4.OP_CREATE,
                    o -> {
                      o.int32(Nfs4Const.NF4DIR);
                      o.opaque(name);
                      FileCalls.mode(0755).accept(o);
                    })
                .status())
        .isEqualTo("NFS4_OK");
    assertThat(client.on(root, NfsOp4.OP_LOOKUP, o -> o.opaque(name)).status())
        .isEqualTo("NFS4_OK");
    XdrReader in = client.readDir(root, 0, 0, 4096, new Bitmap4()).in();
    in.int64();
    assertThat(in.bool()).isTrue();
    in.int64();
    assertThat(in.opaque(255)).isEqualTo(name);
  }

  @Test
  void dircountAndMaxcountAreKept() throws IOException {
    for (int i = 0; i < 50; i++) {
      Files.createFile(file("name-" + i));
    }
    Bitmap4 asked = new Bitmap4().set(FileAttributes.FATTR4_SIZE);
    // Eight bytes of cookie, four of length, eight of name: room for three.
    assertThat(names(readDir(60, 1 << 16, asked))).hasSize(3);
    assertThat(names(readDir(1, 1 << 16, asked))).hasSize(1);
    assertThat(names(readDir(0, 1 << 16, asked))).hasSize(50);
    for (int maxCount : new int[] {100, 333, 1000}) {
      Answer answer = readDir(0, maxCount, asked);
      assertThat(answer.status()).isEqualTo("NFS4_OK");
      assertThat(answer.in().remaining()).isLessThanOrEqualTo(maxCount);
    }
    assertThat(readDir(0, 40, asked).status()).isEqualTo("NFS4ERR_TOOSMALL");
  }

  @Test
  void listingWithHandlesNamesTheVeryFiles() throws IOException {
    for (int i = 0; i < 20; i++) {
      Files.writeString(file("f" + i), "x".repeat(i));
    }
    Files.createSymbolicLink(file("link"), Path.of("f3"));
    Bitmap4 asked =
        new Bitmap4().set(FileAttributes.FATTR4_SIZE).set(FileAttributes.FATTR4_FILEHANDLE);
    XdrReader in = readDir(0, 1 << 16, asked).in();
    in.int64();
    Set<String> seen = new HashSet<>();
    while (in.bool()) {
      in.int64();
      String name = new String(in.opaque(255), ISO_8859_1);
      new Bitmap4().decode(in);
      in.int32();
      long size = in.int64();
      byte[] handle = in.opaque(Nfs4Const.NFS4_FHSIZE);
      assertThat(handle).isEqualTo(client.handleOf("data", name));
      assertThat(size).isEqualTo(client.attributes(handle).size());
      seen.add(name);
    }
    assertThat(seen).hasSize(21).contains("link");
  }

  // ---------------------------------------------------------------- shared

  private record Ace(int type, int flags, int mask, String who) {}

  private Path file(String name) {
    return server.export().resolve(name);
  }

  private static XdrReader values(Answer answer) {
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    new Bitmap4().decode(answer.in());
    answer.in().int32();
    return answer.in();
  }

  private long change(byte[] handle) {
    Bitmap4 asked = new Bitmap4().set(FileAttributes.FATTR4_CHANGE);
    return values(client.on(handle, NfsOp4.OP_GETATTR, asked::encode)).int64();
  }

  private List<Ace> acl(byte[] handle) {
    Bitmap4 asked = new Bitmap4().set(FileAttributes.FATTR4_ACL);
    XdrReader in = values(client.on(handle, NfsOp4.OP_GETATTR, asked::encode));
    List<Ace> aces = new ArrayList<>();
    for (int i = in.int32(); i > 0; i--) {
      aces.add(new Ace(in.int32(), in.int32(), in.int32(), in.utf8(100)));
    }
    return aces;
  }

  private static Consumer<XdrWriter> aclOf(Ace... aces) {
    return fattr(
        new Bitmap4().set(FileAttributes.FATTR4_ACL),
        o -> {
          o.int32(aces.length);
          for (Ace ace : aces) {
            o.int32(ace.type);
            o.int32(ace.flags);
            o.int32(ace.mask);
            o.utf8(ace.who);
          }
        });
  }

  private Answer readDir(int dirCount, int maxCount, Bitmap4 asked) {
    return client.on(
        root,
        NfsOp4.OP_READDIR,
        o -> {
          o.int64(0);
          o.int64(0);
          o.int32(dirCount);
          o.int32(maxCount);
          asked.encode(o);
        });
  }

  private static List<String> names(Answer answer) {
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    XdrReader in = answer.in();
    in.int64();
    List<String> names = new ArrayList<>();
    while (in.bool()) {
      in.int64();
      names.add(new String(in.opaque(255), ISO_8859_1));
      new Bitmap4().decode(in);
      in.opaque(1 << 16);
    }
    return names;
  }

  private int open(Path path) {
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path.toString()),
            OpenFlags.PATH | OpenFlags.CLOEXEC,
            0,
            0);
    assertThat(fd).isNotNegative();
    return fd;
  }

  private void setXattr(Path path, byte[] name, PosixAcl acl) {
    int fd = open(path);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(acl.bytes());
      acl.encode(value);
      assertThat(kernel.setXattr(fd, name, value, 0)).isZero();
    } finally {
      kernel.close(fd);
    }
  }

  private Optional<PosixAcl> xattr(Path path, byte[] name) {
    int fd = open(path);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(1024);
      int length = kernel.getXattr(fd, name, value);
      return length < 0 ? Optional.empty() : PosixAcl.decode(value.asSlice(0, length));
    } finally {
      kernel.close(fd);
    }
  }
}
