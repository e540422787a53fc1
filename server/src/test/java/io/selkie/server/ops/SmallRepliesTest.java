package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.ChannelAttrs4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.ops.FileCalls.Opened;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestSession;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: a result that a session's channel has no room for is refused as RFC 8881 section 2.10.6.1
 * says, and what is refused so has changed nothing. Method: sessions with small channels and the
 * real operations on real files.
 */
@Timeout(120)
class SmallRepliesTest {

  private static final int NAMES = 100;
  private static final int CONTENT_BYTES = 8192;

  /** The limit of tight sessions: of replies, or of those that are kept. */
  private static final int TIGHT_BYTES = 256;

  /**
   * What a reply takes before the result of its last operation: RPC header, status, tag's length,
   * count, SEQUENCE, PUTFH, and the last one's number and status.
   */
  private static final int BEFORE_BYTES = 24 + 4 + 4 + 4 + 44 + 8 + 8;

  private ServerFixture server;
  private FileCalls plain;
  private Nfs41TestClient connection;
  private byte[] root;
  private byte[] file;
  private int sessions;

  @BeforeEach
  void start() throws IOException {
    server = new ServerFixture();
    Files.write(server.export().resolve("file"), new byte[CONTENT_BYTES]);
    Path full = Files.createDirectory(server.export().resolve("full"));
    for (int i = 0; i < NAMES; i++) {
      Files.createFile(full.resolve("a-name-of-some-length-" + i));
    }
    plain = server.client("plain");
    root = plain.handleOf("data");
    file = plain.handleOf("data", "file");
    connection =
        Nfs41TestClient.connect(server.server().nfsAddress()).as(new LinuxKernel().effectiveUid());
  }

  @AfterEach
  void stop() throws IOException {
    connection.close();
    server.close();
  }

  /** A session whose replies are this long at the most, and kept when they are no longer than. */
  private TestSession session(int replyBytes, int cachedBytes) {
    CompoundReply exchanged =
        connection.call(Compound.of().exchangeId("small " + sessions++, 1, 0));
    assertThat(exchanged.next(NfsOp4.OP_EXCHANGE_ID)).isEqualTo("NFS4_OK");
    long clientId = exchanged.in().int64();
    TestSession session =
        TestSession.create(
            connection,
            clientId,
            exchanged.in().int32(),
            0,
            new ChannelAttrs4(0, 4096, replyBytes, cachedBytes, 8, 4),
            TestSession.BACK);
    assertThat(connection.call(session.next(0, false).reclaimComplete()).status())
        .isEqualTo("NFS4_OK");
    return session;
  }

  /** Refused for the whole reply, or because it is to be kept. */
  private TestSession tight(boolean keep) {
    return keep ? session(4096, TIGHT_BYTES) : session(TIGHT_BYTES, 0);
  }

  /** A tag, which comes back in the reply, so long that the last operation has this much room. */
  private static byte[] tag(int roomBytes) {
    return new byte[TIGHT_BYTES - BEFORE_BYTES - roomBytes];
  }

  /** How an operation is answered whose result may have so many bytes. */
  private String inTight(
      boolean keep, int roomBytes, byte[] handle, int opcode, Consumer<XdrWriter> arguments) {
    CompoundReply reply =
        connection.call(
            FileCalls.putFh(handle)
                .apply(tight(keep).next(0, keep).tag(tag(roomBytes)))
                .op(opcode, arguments));
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_PUTFH)).isEqualTo("NFS4_OK");
    assertThat(reply.recordBytes()).isLessThanOrEqualTo(TIGHT_BYTES);
    return reply.next(opcode);
  }

  /** One operation on a file, the last one of its compound; its reply is read up to the result. */
  private CompoundReply on(
      TestSession session, boolean keep, byte[] handle, int opcode, Consumer<XdrWriter> arguments) {
    CompoundReply reply =
        connection.call(FileCalls.putFh(handle).apply(session.next(0, keep)).op(opcode, arguments));
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_PUTFH)).isEqualTo("NFS4_OK");
    assertThat(reply.recordBytes()).isLessThanOrEqualTo((int) session.fore().maxResponseSize());
    return reply;
  }

  private static Consumer<XdrWriter> read(int count) {
    return o -> {
      Stateids.encode(o, Stateids.ANONYMOUS);
      o.int64(0);
      o.int32(count);
    };
  }

  private static Consumer<XdrWriter> readDir(int maxCount) {
    return o -> {
      o.int64(0);
      o.int64(0);
      o.int32(0);
      o.int32(maxCount);
      Bitmap4.of(FileAttributes.FATTR4_SIZE, FileAttributes.FATTR4_OWNER).encode(o);
    };
  }

  @Test
  void readGivesWhatFits() {
    TestSession small = session(1024, 1024);
    CompoundReply reply = on(small, false, file, NfsOp4.OP_READ, read(CONTENT_BYTES));
    assertThat(reply.next(NfsOp4.OP_READ)).isEqualTo("NFS4_OK");
    assertThat(reply.in().bool()).as("eof").isFalse();
    assertThat(reply.in().opaque(CONTENT_BYTES).length).isBetween(512, 1024);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void readThatHasRoomForNothingIsTooBig(boolean keep) {
    assertThat(inTight(keep, 8, file, NfsOp4.OP_READ, read(CONTENT_BYTES))).isEqualTo(tooBig(keep));
    assertThat(inTight(keep, 16, file, NfsOp4.OP_READ, read(CONTENT_BYTES)))
        .as("a few bytes fit")
        .isEqualTo("NFS4_OK");
  }

  @Test
  void listingGivesWhatFits() {
    TestSession small = session(1024, 1024);
    byte[] full = plain.handleOf("data", "full");
    CompoundReply reply = on(small, false, full, NfsOp4.OP_READDIR, readDir(1 << 16));
    assertThat(reply.next(NfsOp4.OP_READDIR)).isEqualTo("NFS4_OK");
    reply.in().int64();
    int names = 0;
    while (reply.in().bool()) {
      reply.in().int64();
      reply.in().opaque(255);
      new Bitmap4().decode(reply.in());
      reply.in().opaque(1024);
      names++;
    }
    assertThat(names).isBetween(5, NAMES / 2);
    assertThat(reply.in().bool()).as("eof").isFalse();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void listingThatHasRoomForNoNameIsTooBig(boolean keep) {
    byte[] full = plain.handleOf("data", "full");
    for (int room : new int[] {8, 16, 48}) {
      assertThat(inTight(keep, room, full, NfsOp4.OP_READDIR, readDir(1 << 16)))
          .as("with room for %d bytes", room)
          .isEqualTo(tooBig(keep));
    }
    TestSession small = session(1024, 1024);
    assertThat(on(small, keep, full, NfsOp4.OP_READDIR, readDir(40)).next(NfsOp4.OP_READDIR))
        .as("here it is the client's own limit")
        .isEqualTo("NFS4ERR_TOOSMALL");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void accessControlListThatDoesNotFitIsTooBig(boolean keep) {
    Bitmap4 asked = Bitmap4.of(FileAttributes.FATTR4_ACL, FileAttributes.FATTR4_FILEHANDLE);
    assertThat(inTight(keep, 40, file, NfsOp4.OP_GETATTR, asked::encode)).isEqualTo(tooBig(keep));
    assertThat(
            inTight(
                keep, 40, file, NfsOp4.OP_GETATTR, Bitmap4.of(FileAttributes.FATTR4_SIZE)::encode))
        .isEqualTo("NFS4_OK");
  }

  private static String tooBig(boolean keep) {
    return keep ? "NFS4ERR_REP_TOO_BIG_TO_CACHE" : "NFS4ERR_REP_TOO_BIG";
  }

  // ---------------------------------------------------------------- what changes something

  private void refused(boolean keep, byte[] handle, int opcode, Consumer<XdrWriter> arguments) {
    assertThat(inTight(keep, 4, handle, opcode, arguments)).isEqualTo(tooBig(keep));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsRefusedSoHasMadeNothing(boolean keep) throws IOException {
    refused(
        keep,
        root,
        NfsOp4.OP_CREATE,
        o -> {
          o.int32(Nfs4Const.NF4DIR);
          o.opaque("made".getBytes(UTF_8));
          FileCalls.mode(0755).accept(o);
        });
    refused(
        keep,
        root,
        NfsOp4.OP_OPEN,
        o -> {
          o.int32(0);
          o.int32(FileCalls.BOTH);
          o.int32(FileCalls.DENY_NONE);
          o.int64(4711);
          o.opaque("owner".getBytes(UTF_8));
          FileCalls.unchecked(FileCalls.mode(0644)).accept(o);
          FileCalls.claimName("made").accept(o);
        });
    assertThat(server.export().resolve("made")).doesNotExist();
    assertThat(server.server().opens().count()).isZero();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsRefusedSoHasTakenNothingAway(boolean keep) throws IOException {
    refused(keep, root, NfsOp4.OP_REMOVE, FileCalls.name("file"));
    Opened opened = plain.open(root, "file", FileCalls.BOTH, FileCalls.DENY_NONE);
    refused(
        keep,
        file,
        NfsOp4.OP_WRITE,
        o -> {
          Stateids.encode(o, Stateids.ANONYMOUS);
          o.int64(0);
          o.int32(Nfs4Const.FILE_SYNC4);
          o.opaque("changed".getBytes(UTF_8));
        });
    assertThat(plain.close(opened.handle(), opened.stateid())).isEqualTo("NFS4_OK");
    assertThat(server.export().resolve("file")).hasBinaryContent(new byte[CONTENT_BYTES]);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void renameThatIsRefusedSoHasMovedNothing(boolean keep) throws IOException {
    // Room for SAVEFH, and for half of what RENAME says.
    Compound compound =
        FileCalls.putFh(root)
            .apply(tight(keep).next(0, keep).tag(tag(8 + 20)))
            .op(NfsOp4.OP_SAVEFH)
            .op(
                NfsOp4.OP_RENAME,
                o -> {
                  o.opaque("file".getBytes(UTF_8));
                  o.opaque("moved".getBytes(UTF_8));
                });
    CompoundReply reply = connection.call(compound);
    reply.sequenceOk();
    assertThat(reply.next(NfsOp4.OP_PUTFH)).isEqualTo("NFS4_OK");
    assertThat(reply.next(NfsOp4.OP_SAVEFH)).isEqualTo("NFS4_OK");
    assertThat(reply.next(NfsOp4.OP_RENAME)).isEqualTo(tooBig(keep));
    assertThat(server.export().resolve("file")).exists();
    assertThat(server.export().resolve("moved")).doesNotExist();
  }
}
