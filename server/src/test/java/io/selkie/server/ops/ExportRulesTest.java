package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static io.selkie.server.ops.FileCalls.READ;
import static io.selkie.server.ops.FileCalls.WRITE;
import static io.selkie.server.ops.FileCalls.name;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.protocol.rpc.RpcConst;
import io.selkie.protocol.xdr.XdrReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a client may with an export what the first rule that fits its address says. Method: one
 * server, and clients from several addresses of this machine. Who owns what is made can differ only
 * where the server runs as root; elsewhere it is seen to be the one user.
 */
@Timeout(120)
class ExportRulesTest {

  private static final int OWN = new LinuxKernel().effectiveUid();
  private static final boolean PRIVILEGED = OWN == 0;
  private static final AuthSys ROOT = new AuthSys().set(0, 0);
  private static final AuthSys USER = new AuthSys().set(7001, 7001, 7100);

  private ServerFixture server;

  @BeforeEach
  void start() throws IOException {
    server =
        new ServerFixture(
            new LinuxKernel(),
            """
            clients: [
              {hosts: "127.0.0.2 127.0.0.3", readOnly: true, squash: none},
              {hosts: 127.0.0.4/31, squash: root},
              {hosts: 127.0.0.6, squash: all, anonUid: 7, anonGid: 8},
              {hosts: 127.0.0.7, squash: none, security: sys},
              {hosts: 127.0.0.8, squash: none, anonUid: 7, anonGid: 8},
              {hosts: 127.0.0.2, squash: none}]\
            """);
    Files.setPosixFilePermissions(server.export(), PosixFilePermissions.fromString("rwxrwxrwx"));
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private byte[] dataOf(FileCalls client) {
    return client.handleOf("data");
  }

  @Test
  void whomNoRuleFitsDoesNotSeeTheExport() throws IOException {
    byte[] known = dataOf(server.clientFrom("127.0.0.7", ROOT));
    FileCalls stranger = server.clientFrom("127.0.0.1", ROOT);
    byte[] root = stranger.handleOf();
    assertThat(stranger.list(root, 4096)).isEmpty();
    assertThat(stranger.lookup(root, "data").status()).isEqualTo("NFS4ERR_NOENT");
    assertThat(stranger.call(FileCalls.putFh(known), NfsOp4.OP_PUTFH).status())
        .isEqualTo("NFS4ERR_STALE");
  }

  @Test
  void readerMayChangeNothing() throws IOException {
    Files.writeString(server.export().resolve("f"), "x");
    FileCalls reader = server.clientFrom("127.0.0.2", ROOT);
    byte[] root = dataOf(reader);
    assertThat(reader.list(root, 4096)).containsExactly("f");
    assertThat(reader.open(root, "f", READ, DENY_NONE).status()).isEqualTo("NFS4_OK");
    assertThat(reader.open(root, "f", WRITE, DENY_NONE).status()).isEqualTo("NFS4ERR_ROFS");
    assertThat(reader.create(root, "g").status()).isEqualTo("NFS4ERR_ROFS");
    assertThat(reader.mkdir(root, "d").status()).isEqualTo("NFS4ERR_ROFS");
    assertThat(reader.remove(root, "f")).isEqualTo("NFS4ERR_ROFS");
    assertThat(reader.rename(root, "f", root, "g")).isEqualTo("NFS4ERR_ROFS");
    assertThat(reader.setAttr(root, Stateids.ANONYMOUS, FileCalls.mode(0700)))
        .isEqualTo("NFS4ERR_ROFS");
    byte[] file = reader.handleOf("data", "f");
    assertThat(
            reader.write(file, Stateids.ANONYMOUS, 0, Nfs4Const.UNSTABLE4, new byte[] {1}).status())
        .isEqualTo("NFS4ERR_ROFS");
    XdrReader in =
        reader
            .on(
                file,
                NfsOp4.OP_ACCESS,
                o -> o.int32(Nfs4Const.ACCESS4_READ | Nfs4Const.ACCESS4_MODIFY))
            .in();
    in.int32();
    assertThat(in.int32()).isEqualTo(Nfs4Const.ACCESS4_READ);
    assertThat(Files.readString(server.export().resolve("f"))).isEqualTo("x");
  }

  @Test
  void readerMayNotWriteThroughWhatAnotherHasOpen() throws IOException {
    FileCalls writer = server.clientFrom("127.0.0.7", ROOT);
    FileCalls.Opened opened = writer.create(dataOf(writer), "f");
    FileCalls reader = server.clientFrom("127.0.0.3", ROOT);
    assertThat(
            reader
                .write(opened.handle(), Stateids.ANONYMOUS, 0, Nfs4Const.UNSTABLE4, new byte[] {1})
                .status())
        .isEqualTo("NFS4ERR_ROFS");
  }

  @Test
  void rootBecomesTheAnonymousUserAndOthersStayThemselves() throws IOException {
    FileCalls root = server.clientFrom("127.0.0.5", ROOT);
    FileCalls user = server.clientFrom("127.0.0.5", USER);
    assertThat(root.create(dataOf(root), "byRoot").status()).isEqualTo("NFS4_OK");
    assertThat(user.create(dataOf(user), "byUser").status()).isEqualTo("NFS4_OK");
    assertThat(owner("byRoot")).isEqualTo(PRIVILEGED ? 65_534 : OWN);
    assertThat(owner("byUser")).isEqualTo(PRIVILEGED ? 7001 : OWN);
  }

  @Test
  void everybodyBecomesTheAnonymousUser() throws IOException {
    FileCalls user = server.clientFrom("127.0.0.6", USER);
    assertThat(user.create(dataOf(user), "f").status()).isEqualTo("NFS4_OK");
    assertThat(owner("f")).isEqualTo(PRIVILEGED ? 7 : OWN);
    // Whoever it was before: it is its own file.
    FileCalls root = server.clientFrom("127.0.0.6", ROOT);
    assertThat(root.setAttr(root.handleOf("data", "f"), Stateids.ANONYMOUS, FileCalls.mode(0600)))
        .isEqualTo("NFS4_OK");
  }

  @Test
  void whoSaysNothingOfItselfIsAnonymous() throws IOException {
    FileCalls nobody = server.clientFrom("127.0.0.4", null);
    assertThat(nobody.create(dataOf(nobody), "f").status()).isEqualTo("NFS4_OK");
    assertThat(owner("f")).isEqualTo(PRIVILEGED ? 65_534 : OWN);
  }

  @Test
  void whoSaysNothingOfItselfIsNotTakenForWhoHasTheSameNumber() throws IOException {
    FileCalls client = server.clientFrom("127.0.0.8", null);
    byte[] root = dataOf(client);
    assertThat(client.create(root, "first").status()).isEqualTo("NFS4_OK");
    client.connection().as(new AuthSys().set(65_534, 65_534));
    assertThat(client.create(root, "user").status()).isEqualTo("NFS4_OK");
    client.connection().as((AuthSys) null);
    assertThat(client.create(root, "second").status()).isEqualTo("NFS4_OK");
    assertThat(owner("first")).isEqualTo(PRIVILEGED ? 7 : OWN);
    assertThat(owner("user")).isEqualTo(PRIVILEGED ? 65_534 : OWN);
    assertThat(owner("second")).isEqualTo(PRIVILEGED ? 7 : OWN);
  }

  @Test
  void wrongFlavorIsToldWhichOneIsRight() throws IOException {
    byte[] handle = dataOf(server.clientFrom("127.0.0.7", ROOT));
    FileCalls nobody = server.clientFrom("127.0.0.7", null);
    byte[] root = nobody.handleOf();
    assertThat(nobody.lookup(root, "data").status()).isEqualTo("NFS4ERR_WRONGSEC");
    assertThat(nobody.call(FileCalls.putFh(handle), NfsOp4.OP_PUTFH).status())
        .isEqualTo("NFS4ERR_WRONGSEC");
    FileCalls.Answer answer = nobody.on(root, NfsOp4.OP_SECINFO, name("data"));
    assertThat(answer.status()).isEqualTo("NFS4_OK");
    assertThat(answer.in().int32()).isEqualTo(1);
    assertThat(answer.in().int32()).isEqualTo(RpcConst.AUTH_SYS);
    FileCalls.Answer here =
        nobody.on(
            handle, NfsOp4.OP_SECINFO_NO_NAME, o -> o.int32(Nfs4Const.SECINFO_STYLE4_CURRENT_FH));
    assertThat(here.status()).isEqualTo("NFS4_OK");
    assertThat(here.in().int32()).isEqualTo(1);
  }

  private Object owner(String file) throws IOException {
    return Files.getAttribute(server.export().resolve(file), "unix:uid");
  }
}
