package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static io.selkie.server.ops.FileCalls.claimName;
import static io.selkie.server.ops.FileCalls.exclusive41;
import static io.selkie.server.ops.FileCalls.guarded;
import static io.selkie.server.ops.FileCalls.mode;
import static io.selkie.server.ops.FileCalls.name;
import static io.selkie.server.ops.FileCalls.noAttributes;
import static io.selkie.server.ops.FileCalls.size;
import static io.selkie.server.ops.FileCalls.unchecked;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.ops.FileCalls.Answer;
import io.selkie.server.ops.FileCalls.Data;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.ops.FileCalls.Written;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: each operation does what the RFC says, over a real socket, to real files. */
@Timeout(120)
class FileOperationsTest {

  private ServerFixture server;
  private FileCalls client;
  private byte[] root;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture();
    client = server.client("alice");
    root = client.handleOf("data");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  // ---------------------------------------------------------------- names and handles

  @Test
  void namesAreFoundAndParentsAreFoundAgain() throws IOException {
    Files.createDirectories(file("a/b"));
    byte[] b = client.handleOf("data", "a", "b");
    Answer up = client.on(b, NfsOp4.OP_LOOKUPP, o -> {});
    assertThat(up.status()).isEqualTo("NFS4_OK");
    assertThat(client.lookup(b, "none").status()).isEqualTo("NFS4ERR_NOENT");
    assertThat(client.lookup(b, "").status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(client.lookup(b, "..").status()).isEqualTo("NFS4ERR_BADNAME");
    assertThat(client.lookup(b, "x".repeat(256)).status()).isEqualTo("NFS4ERR_NAMETOOLONG");
    assertThat(client.handleOf("data", "a")).isEqualTo(client.handleOf("data", "a"));
  }

  @Test
  void lookupInAFileOrALinkIsToldApart() throws IOException {
    Files.createFile(file("f"));
    Files.createSymbolicLink(file("l"), Path.of("f"));
    assertThat(client.lookup(client.handleOf("data", "f"), "x").status())
        .isEqualTo("NFS4ERR_NOTDIR");
    assertThat(client.lookup(client.handleOf("data", "l"), "x").status())
        .isEqualTo("NFS4ERR_SYMLINK");
  }

  @Test
  void handlesThatAreNoneAreRefused() {
    byte[] forged = root.clone();
    forged[20] ^= 1;
    assertThat(client.on(forged, NfsOp4.OP_GETFH, o -> {}).status()).isEqualTo("NFS4ERR_BADHANDLE");
    assertThat(client.on(new byte[0], NfsOp4.OP_GETFH, o -> {}).status())
        .isEqualTo("NFS4ERR_BADHANDLE");
    assertThat(client.call(c -> c.op(NfsOp4.OP_GETFH), NfsOp4.OP_GETFH).status())
        .isEqualTo("NFS4ERR_NOFILEHANDLE");
    assertThat(client.call(c -> c.op(NfsOp4.OP_RESTOREFH), NfsOp4.OP_RESTOREFH).status())
        .isEqualTo("NFS4ERR_NOFILEHANDLE");
  }

  @Test
  void handleOfARemovedFileIsStale() throws IOException {
    Files.createFile(file("f"));
    byte[] handle = client.handleOf("data", "f");
    Files.delete(file("f"));
    assertThat(client.on(handle, NfsOp4.OP_GETFH, o -> {}).status()).isEqualTo("NFS4ERR_STALE");
  }

  @Test
  void secInfoUsesTheFilehandleUp() throws IOException {
    Files.createFile(file("f"));
    Answer answer = client.on(root, NfsOp4.OP_SECINFO, name("f"));
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    assertThat(answer.in().int32()).isEqualTo(2);
    assertThat(answer.in().int32()).isEqualTo(1);
  }

  // ---------------------------------------------------------------- attributes

  @Test
  void exportsHaveFileSystemsOfTheirOwn() {
    byte[] above = client.handleOf();
    assertThat(fsid(above)).isNotEqualTo(fsid(root));
    assertThat(client.list(above, 4096)).containsExactly("data");
  }

  private long fsid(byte[] handle) {
    Answer answer =
        client.on(handle, NfsOp4.OP_GETATTR, new Bitmap4().set(FileAttributes.FATTR4_FSID)::encode);
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    new Bitmap4().decode(answer.in());
    answer.in().int32();
    return answer.in().int64();
  }

  @Test
  void verifyGoesOnWhenTheSameAndNverifyWhenNot() throws IOException {
    Files.writeString(file("f"), "12345");
    byte[] handle = client.handleOf("data", "f");
    assertThat(client.on(handle, NfsOp4.OP_VERIFY, size(5)).status()).isEqualTo("NFS4_OK");
    assertThat(client.on(handle, NfsOp4.OP_VERIFY, size(6)).status()).isEqualTo("NFS4ERR_NOT_SAME");
    assertThat(client.on(handle, NfsOp4.OP_NVERIFY, size(5)).status()).isEqualTo("NFS4ERR_SAME");
    assertThat(client.on(handle, NfsOp4.OP_NVERIFY, size(6)).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void attributesAreSetAndReadBack() throws IOException {
    Files.writeString(file("f"), "12345");
    byte[] handle = client.handleOf("data", "f");
    assertThat(client.setAttr(handle, Stateids.ANONYMOUS, mode(0600))).isEqualTo("NFS4_OK");
    assertThat(client.setAttr(handle, Stateids.ANONYMOUS, size(2))).isEqualTo("NFS4_OK");
    assertThat(Files.readString(file("f"))).isEqualTo("12");
    assertThat(client.setAttr(handle, Stateids.ANONYMOUS, size(4))).isEqualTo("NFS4_OK");
    assertThat(client.attributes(handle).size()).isEqualTo(4);
    assertThat(client.attributes(handle).permissions()).isEqualTo(0600);
    Bitmap4 time = new Bitmap4().set(FileAttributes.FATTR4_TIME_MODIFY_SET);
    assertThat(
            client.setAttr(
                handle,
                Stateids.ANONYMOUS,
                FileCalls.fattr(
                    time,
                    o -> {
                      o.int32(1);
                      o.int64(1234);
                      o.int32(5000);
                    })))
        .isEqualTo("NFS4_OK");
    assertThat(client.attributes(handle).mtimeSec()).isEqualTo(1234);
    assertThat(client.setAttr(root, Stateids.ANONYMOUS, size(0))).isEqualTo("NFS4ERR_ISDIR");
  }

  @Test
  void failedSetattrTellsWhatItSet() throws IOException {
    Files.writeString(file("f"), "12345");
    Bitmap4 acl = new Bitmap4().set(FileAttributes.FATTR4_ARCHIVE);
    Answer answer =
        client.on(
            client.handleOf("data", "f"),
            NfsOp4.OP_SETATTR,
            o -> {
              Stateids.encode(o, Stateids.ANONYMOUS);
              FileCalls.fattr(acl, x -> x.int32(0)).accept(o);
            });
    assertThat(answer.status()).isEqualTo("NFS4ERR_ATTRNOTSUPP");
    assertThat(new Bitmap4().decode(answer.in()).isEmpty()).isTrue();
  }

  @Test
  void accessTellsWhatIsAllowed() throws IOException {
    Files.createFile(file("f"));
    Answer answer = client.on(client.handleOf("data", "f"), NfsOp4.OP_ACCESS, o -> o.int32(0x3F));
    assertThat(answer.in().int32())
        .isEqualTo(
            Nfs4Const.ACCESS4_READ
                | Nfs4Const.ACCESS4_MODIFY
                | Nfs4Const.ACCESS4_EXTEND
                | Nfs4Const.ACCESS4_EXECUTE);
    assertThat(answer.in().int32() & Nfs4Const.ACCESS4_MODIFY).isNotZero();
  }

  // ---------------------------------------------------------------- directories

  @Test
  void largeDirectoriesAreReadInPieces() throws IOException {
    String[] names = IntStream.range(0, 700).mapToObj(i -> "file-" + i).toArray(String[]::new);
    for (String name : names) {
      Files.createFile(file(name));
    }
    assertThat(client.list(root, 2000)).containsExactlyInAnyOrder(names);
  }

  @Test
  void readdirGivesAttributesAndRefusesWhatIsTooSmall() throws IOException {
    Files.writeString(file("f"), "12345");
    Bitmap4 asked =
        new Bitmap4().set(FileAttributes.FATTR4_SIZE).set(FileAttributes.FATTR4_FILEHANDLE);
    XdrReader in = client.readDir(root, 0, 0, 4096, asked).in();
    in.int64();
    assertThat(in.bool()).isTrue();
    in.int64();
    assertThat(new String(in.opaque(255), UTF_8)).isEqualTo("f");
    new Bitmap4().decode(in);
    in.int32();
    assertThat(in.int64()).isEqualTo(5);
    assertThat(in.opaque(128)).isEqualTo(client.handleOf("data", "f"));
    assertThat(in.bool()).isFalse();
    assertThat(in.bool()).isTrue();
    assertThat(client.readDir(root, 0, 0, 20, asked).status()).isEqualTo("NFS4ERR_TOOSMALL");
    assertThat(client.readDir(root, 1, 0, 4096, asked).status()).isEqualTo("NFS4ERR_BAD_COOKIE");
    assertThat(client.readDir(root, 7, 12345, 4096, asked).status()).isEqualTo("NFS4ERR_NOT_SAME");
  }

  @Test
  void directoriesAndLinksAreMadeAndRemoved() throws IOException {
    assertThat(client.mkdir(root, "d").status()).isEqualTo("NFS4_OK");
    assertThat(file("d")).isDirectory();
    assertThat(client.mkdir(root, "d").status()).isEqualTo("NFS4ERR_EXIST");
    Answer link =
        client.on(
            root,
            NfsOp4.OP_CREATE,
            o -> {
              o.int32(Nfs4Const.NF4LNK);
              o.opaque("some/where".getBytes(UTF_8));
              o.opaque("l".getBytes(UTF_8));
              noAttributes().accept(o);
            });
    assertThat(link.status()).isEqualTo("NFS4_OK");
    assertThat(Files.readSymbolicLink(file("l"))).isEqualTo(Path.of("some/where"));
    Answer target = client.on(client.handleOf("data", "l"), NfsOp4.OP_READLINK, o -> {});
    assertThat(new String(target.in().opaque(4096), UTF_8)).isEqualTo("some/where");
    assertThat(client.on(root, NfsOp4.OP_READLINK, o -> {}).status())
        .isEqualTo("NFS4ERR_WRONG_TYPE");
    Files.createFile(file("d/f"));
    assertThat(client.remove(root, "d")).isEqualTo("NFS4ERR_NOTEMPTY");
    assertThat(client.remove(client.handleOf("data", "d"), "f")).isEqualTo("NFS4_OK");
    assertThat(client.remove(root, "d")).isEqualTo("NFS4_OK");
    assertThat(client.remove(root, "d")).isEqualTo("NFS4ERR_NOENT");
  }

  @Test
  void regularFilesAreNotMadeByCreate() {
    Answer answer =
        client.on(
            root,
            NfsOp4.OP_CREATE,
            o -> {
              o.int32(Nfs4Const.NF4REG);
              o.opaque("f".getBytes(UTF_8));
              noAttributes().accept(o);
            });
    assertThat(answer.status()).isEqualTo("NFS4ERR_BADTYPE");
  }

  @Test
  void renameAndLinkMoveNames() throws IOException {
    Files.writeString(file("old"), "x");
    Files.createDirectory(file("d"));
    byte[] d = client.handleOf("data", "d");
    byte[] handle = client.handleOf("data", "old");
    assertThat(client.rename(root, "old", d, "new")).isEqualTo("NFS4_OK");
    assertThat(file("d/new")).hasContent("x");
    assertThat(client.attributes(handle).size()).isEqualTo(1);
    assertThat(client.onTwo(handle, root, NfsOp4.OP_LINK, name("again")).status())
        .isEqualTo("NFS4_OK");
    assertThat(client.attributes(handle).linkCount()).isEqualTo(2);
    assertThat(client.rename(root, "none", d, "x")).isEqualTo("NFS4ERR_NOENT");
  }

  // ---------------------------------------------------------------- opens

  @Test
  void openThatCreatesWritesAndReadsBack() throws IOException {
    Opened opened = client.create(root, "f");
    assertThat(opened.status()).isEqualTo("NFS4_OK");
    assertThat(opened.stateid().seqid()).isEqualTo(1);
    assertThat(opened.set().isSet(FileAttributes.FATTR4_MODE)).isTrue();
    byte[] data = new byte[100_000];
    new Random(1).nextBytes(data);
    Written written =
        client.write(opened.handle(), opened.stateid(), 5, Nfs4Const.FILE_SYNC4, data);
    assertThat(written.count()).isEqualTo(data.length);
    assertThat(written.committed()).isEqualTo(Nfs4Const.FILE_SYNC4);
    byte[] stored = Files.readAllBytes(file("f"));
    assertThat(Arrays.mismatch(Arrays.copyOfRange(stored, 5, stored.length), data)).isEqualTo(-1);
    Data back = client.read(opened.handle(), opened.stateid(), 5, data.length + 10);
    assertThat(Arrays.mismatch(back.bytes(), data)).isEqualTo(-1);
    assertThat(back.eof()).isTrue();
    assertThat(client.close(opened.handle(), opened.stateid())).isEqualTo("NFS4_OK");
    assertThat(client.close(opened.handle(), opened.stateid())).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(Files.size(file("f"))).isEqualTo(data.length + 5);
  }

  @Test
  void readTellsTheEndOfTheFile() throws IOException {
    Files.writeString(file("f"), "0123456789");
    byte[] handle = client.handleOf("data", "f");
    Data middle = client.read(handle, Stateids.ANONYMOUS, 2, 3);
    assertThat(new String(middle.bytes(), UTF_8)).isEqualTo("234");
    assertThat(middle.eof()).isFalse();
    assertThat(client.read(handle, Stateids.ANONYMOUS, 5, 5).eof()).isTrue();
    assertThat(client.read(handle, Stateids.ANONYMOUS, 10, 5).eof()).isTrue();
    assertThat(client.read(handle, Stateids.ANONYMOUS, -1, 5).eof()).isTrue();
    assertThat(client.read(handle, Stateids.ANONYMOUS, 0, 0).bytes()).isEmpty();
    assertThat(client.read(root, Stateids.ANONYMOUS, 0, 5).status()).isEqualTo("NFS4ERR_ISDIR");
  }

  @Test
  void openModesAreHeldTo() throws IOException {
    Files.writeString(file("f"), "x");
    Opened reading = client.open(root, "f", READ, DENY_NONE);
    assertThat(write(reading, "y").status()).isEqualTo("NFS4ERR_OPENMODE");
    Opened both = client.open(root, "f", WRITE, DENY_NONE);
    assertThat(both.stateid()).isEqualTo(reading.stateid().withSeqid(2));
    assertThat(write(both, "y").status()).isEqualTo("NFS4_OK");
    assertThat(write(reading, "y").status()).isEqualTo("NFS4ERR_OLD_STATEID");
    assertThat(write(reading.stateid().withSeqid(0), reading.handle(), "z").status())
        .isEqualTo("NFS4_OK");
    assertThat(file("f")).hasContent("z");
  }

  @Test
  void createModesAreToldApart() throws IOException {
    assertThat(open(guarded(), "g").status()).isEqualTo("NFS4_OK");
    assertThat(open(guarded(), "g").status()).isEqualTo("NFS4ERR_EXIST");
    Opened exclusive = open(exclusive41(77, mode(0640)), "e");
    assertThat(exclusive.status()).isEqualTo("NFS4_OK");
    assertThat(exclusive.set().isSet(FileAttributes.FATTR4_TIME_MODIFY_SET)).isTrue();
    assertThat(open(exclusive41(77, mode(0640)), "e").status()).isEqualTo("NFS4_OK");
    assertThat(open(exclusive41(78, mode(0640)), "e").status()).isEqualTo("NFS4ERR_EXIST");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file("e"))))
        .isEqualTo("rw-r-----");
    Bitmap4 times = new Bitmap4().set(FileAttributes.FATTR4_TIME_MODIFY_SET);
    assertThat(open(exclusive41(1, FileCalls.fattr(times, o -> o.int32(0))), "t").status())
        .isEqualTo("NFS4ERR_INVAL");
    assertThat(
            open(
                    o -> {
                      o.int32(OpenConst4.OPEN4_CREATE);
                      o.int32(OpenConst4.EXCLUSIVE4);
                      o.int64(1);
                    },
                    "x")
                .status())
        .isEqualTo("NFS4ERR_INVAL");
  }

  @Test
  void uncheckedCreateTruncatesWhenAskedTo() throws IOException {
    Files.writeString(file("f"), "content");
    assertThat(open(unchecked(mode(0600)), "f").status()).isEqualTo("NFS4_OK");
    assertThat(file("f")).hasContent("content");
    Opened opened = open(unchecked(size(0)), "f");
    assertThat(opened.set().isSet(FileAttributes.FATTR4_SIZE)).isTrue();
    assertThat(file("f")).isEmptyFile();
  }

  @Test
  void whatIsNoFileIsNotOpened() throws IOException {
    Files.createDirectory(file("d"));
    Files.createSymbolicLink(file("l"), Path.of("d"));
    assertThat(client.open(root, "d", READ, DENY_NONE).status()).isEqualTo("NFS4ERR_ISDIR");
    assertThat(client.open(root, "l", READ, DENY_NONE).status()).isEqualTo("NFS4ERR_SYMLINK");
    assertThat(client.open(root, "none", READ, DENY_NONE).status()).isEqualTo("NFS4ERR_NOENT");
    assertThat(client.open(root, "d", 0, DENY_NONE).status()).isEqualTo("NFS4ERR_INVAL");
    assertThat(client.open(root, "d", READ, 4).status()).isEqualTo("NFS4ERR_INVAL");
  }

  @Test
  void claimsAreAnswered() throws IOException {
    Files.createFile(file("f"));
    byte[] handle = client.handleOf("data", "f");
    assertThat(claim(handle, READ, OpenConst4.CLAIM_FH).status()).isEqualTo("NFS4_OK");
    Opened previous =
        client.open(
            handle,
            READ,
            DENY_NONE,
            "o",
            o -> o.int32(0),
            o -> {
              o.int32(OpenConst4.CLAIM_PREVIOUS);
              o.int32(0);
            });
    assertThat(previous.status()).isEqualTo("NFS4ERR_NO_GRACE");
    int want = OpenConst4.OPEN4_SHARE_ACCESS_WANT_READ_DELEG;
    assertThat(claim(handle, READ | want, OpenConst4.CLAIM_FH).delegation())
        .isEqualTo(OpenConst4.OPEN_DELEGATE_NONE_EXT);
    assertThat(claim(handle, READ, OpenConst4.CLAIM_FH).delegation())
        .isEqualTo(OpenConst4.OPEN_DELEGATE_NONE);
  }

  private Opened claim(byte[] handle, int access, int claim) {
    return client.open(handle, access, DENY_NONE, "o", o -> o.int32(0), o -> o.int32(claim));
  }

  @Test
  void shareReservationsHoldBetweenClients() throws IOException {
    Files.writeString(file("f"), "x");
    FileCalls other = server.client("bob");
    Opened opened = client.open(root, "f", READ, WRITE);
    assertThat(other.open(root, "f", WRITE, DENY_NONE).status()).isEqualTo("NFS4ERR_SHARE_DENIED");
    byte[] handle = opened.handle();
    assertThat(other.write(handle, Stateids.ANONYMOUS, 0, Nfs4Const.UNSTABLE4, bytes("y")).status())
        .isEqualTo("NFS4ERR_LOCKED");
    assertThat(other.setAttr(handle, Stateids.ANONYMOUS, size(0))).isEqualTo("NFS4ERR_LOCKED");
    Opened truncating =
        other.open(root, READ, DENY_NONE, "bob", unchecked(size(0)), claimName("f"));
    assertThat(truncating.status()).isEqualTo("NFS4ERR_SHARE_DENIED");
    assertThat(file("f")).hasContent("x");
    assertThat(other.close(handle, opened.stateid())).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(client.close(handle, opened.stateid())).isEqualTo("NFS4_OK");
    assertThat(other.open(root, "f", WRITE, DENY_NONE).status()).isEqualTo("NFS4_OK");
  }

  @Test
  void currentStateidIsTheOneOfTheOpenBefore() throws IOException {
    Files.writeString(file("f"), "x");
    byte[] handle = client.handleOf("data", "f");
    Answer answer =
        client.call(
            c ->
                FileCalls.putFh(handle)
                    .apply(c)
                    .op(
                        NfsOp4.OP_READ,
                        o -> {
                          Stateids.encode(o, Stateids.CURRENT);
                          o.int64(0);
                          o.int32(1);
                        }),
            NfsOp4.OP_PUTFH,
            NfsOp4.OP_READ);
    assertThat(answer.status()).isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void downgradeTakesRightsBack() throws IOException {
    Files.writeString(file("f"), "x");
    client.open(root, "f", READ, DENY_NONE);
    Opened both = client.open(root, "f", BOTH, DENY_NONE);
    Answer answer =
        client.on(
            both.handle(),
            NfsOp4.OP_OPEN_DOWNGRADE,
            o -> {
              Stateids.encode(o, both.stateid());
              o.int32(0);
              o.int32(READ);
              o.int32(DENY_NONE);
            });
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    Stateid4 now = Stateids.decode(answer.in());
    assertThat(now).isEqualTo(both.stateid().withSeqid(3));
    assertThat(write(now, both.handle(), "y").status()).isEqualTo("NFS4ERR_OPENMODE");
  }

  @Test
  void removedFileLivesAsLongAsItIsOpen() throws IOException {
    Opened opened = client.create(root, "f");
    assertThat(write(opened, "x").status()).isEqualTo("NFS4_OK");
    assertThat(client.remove(root, "f")).isEqualTo("NFS4_OK");
    assertThat(client.read(opened.handle(), opened.stateid(), 0, 1).bytes()).isEqualTo(bytes("x"));
    assertThat(client.close(opened.handle(), opened.stateid())).isEqualTo("NFS4_OK");
    assertThat(client.read(opened.handle(), Stateids.ANONYMOUS, 0, 1).status())
        .isEqualTo("NFS4ERR_STALE");
  }

  @Test
  void commitHasTheVerifierOfWrite() {
    Opened opened = client.create(root, "f");
    Written written =
        client.write(opened.handle(), opened.stateid(), 0, Nfs4Const.UNSTABLE4, bytes("x"));
    assertThat(written.committed()).isEqualTo(Nfs4Const.UNSTABLE4);
    Answer commit =
        client.on(
            opened.handle(),
            NfsOp4.OP_COMMIT,
            o -> {
              o.int64(0);
              o.int32(0);
            });
    assertThat(commit.in().int64()).isEqualTo(written.verifier());
  }

  @Test
  void offsetsBeyondAllFilesAreRefused() {
    Opened opened = client.create(root, "f");
    assertThat(
            client
                .write(opened.handle(), opened.stateid(), -1, Nfs4Const.UNSTABLE4, bytes("x"))
                .status())
        .isEqualTo("NFS4ERR_FBIG");
    assertThat(
            client
                .write(
                    opened.handle(),
                    opened.stateid(),
                    Long.MAX_VALUE,
                    Nfs4Const.UNSTABLE4,
                    bytes("x"))
                .status())
        .isEqualTo("NFS4ERR_FBIG");
  }

  @Test
  void bytesThroughNfsAreCounted() {
    Opened opened = client.create(root, "f");
    write(opened, "12345");
    client.read(opened.handle(), opened.stateid(), 0, 3);
    assertThat(server.server().metrics().nfsWrittenBytes()).isEqualTo(5);
    assertThat(server.server().metrics().nfsReadBytes()).isEqualTo(3);
    assertThat(server.server().metrics().values())
        .containsEntry("selkie_nfs_operations_total{op=\"write\",status=\"nfs4_ok\"}", 1L)
        .containsEntry("selkie_opens", 1L);
  }

  @Test
  void unknownOperationsAreTold() {
    assertThat(client.on(root, NfsOp4.OP_GETDEVICELIST, o -> {}).status())
        .isEqualTo("NFS4ERR_NOTSUPP");
  }

  private Opened open(java.util.function.Consumer<io.selkie.protocol.xdr.XdrWriter> how, String f) {
    return client.open(root, BOTH, DENY_NONE, "alice", how, claimName(f));
  }

  private Written write(Opened opened, String text) {
    return write(opened.stateid(), opened.handle(), text);
  }

  private Written write(Stateid4 stateid, byte[] handle, String text) {
    return client.write(handle, stateid, 0, Nfs4Const.UNSTABLE4, bytes(text));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private Path file(String path) {
    return server.export().resolve(path);
  }
}
