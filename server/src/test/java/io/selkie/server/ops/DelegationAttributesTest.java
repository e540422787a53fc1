package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.posix.SystemFacts;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.FileAttributes;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.ops.DelegationPeer.Given;
import io.selkie.server.testing.CompoundReply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Attributes of delegated files: what the holder says of them, and brings back (RFC 9754). */
@Timeout(120)
class DelegationAttributesTest extends DelegationFixture {

  // ---------------------------------------------------------------- RFC 9754

  private String setTimes(Given held, long accessSeconds, long modifySeconds) {
    Bitmap4 both =
        Bitmap4.of(
            FileAttributes.FATTR4_TIME_DELEG_ACCESS, FileAttributes.FATTR4_TIME_DELEG_MODIFY);
    CompoundReply reply =
        one.calls
            .connection()
            .call(
                FileCalls.putFh(held.handle())
                    .apply(one.calls.session().next(0, false).minorVersion(2))
                    .op(
                        NfsOp4.OP_SETATTR,
                        o -> {
                          Stateids.encode(o, held.stateid());
                          FileCalls.fattr(
                                  both,
                                  values -> {
                                    values.int64(accessSeconds);
                                    values.int32(5);
                                    values.int64(modifySeconds);
                                    values.int32(6);
                                  })
                              .accept(o);
                        }));
    reply.sequenceOk();
    reply.next(NfsOp4.OP_PUTFH);
    return reply.next(NfsOp4.OP_SETATTR);
  }

  @Test
  void holderBringsTheTimesBackThatItKept() throws IOException {
    one.minorVersion(2);
    int access = BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS;
    long now = Files.getLastModifiedTime(file).to(TimeUnit.SECONDS);
    Files.setLastModifiedTime(
        file, java.nio.file.attribute.FileTime.from(now - 1000, TimeUnit.SECONDS));
    Given held = one.open(root, "file", access);

    assertThat(setTimes(held, now - 500, now - 500)).isEqualTo("NFS4_OK");
    assertThat(Files.getLastModifiedTime(file).to(TimeUnit.SECONDS)).isEqualTo(now - 500);
    assertThat(setTimes(held, now - 600, now - 600)).isEqualTo("NFS4_OK");
    assertThat(Files.getLastModifiedTime(file).to(TimeUnit.SECONDS))
        .as("not back")
        .isEqualTo(now - 500);
    assertThat(setTimes(held, now + 5000, now + 5000)).isEqualTo("NFS4_OK");
    assertThat(Files.getLastModifiedTime(file).to(TimeUnit.SECONDS))
        .as("not ahead")
        .isBetween(now, now + 1000);
  }

  @Test
  void timesAreTheServersUnlessTheyWereDelegated() {
    Given held = writer();
    assertThat(setTimes(held, 1, 1)).isEqualTo("NFS4ERR_BAD_STATEID");
    assertThat(setTimes(new Given("", null, 0, 0, held.open(), false, 0, held.handle()), 1, 1))
        .isEqualTo("NFS4ERR_BAD_STATEID");
  }

  @Test
  void openSaysWhatItUnderstands() {
    Bitmap4 asked = Bitmap4.of(FileAttributes.FATTR4_OPEN_ARGUMENTS);
    CompoundReply reply =
        one.calls
            .connection()
            .call(
                FileCalls.putFh(root)
                    .apply(one.calls.session().next(0, false).minorVersion(2))
                    .op(NfsOp4.OP_GETATTR, asked::encode));
    reply.sequenceOk();
    reply.next(NfsOp4.OP_PUTFH);
    assertThat(reply.next(NfsOp4.OP_GETATTR)).isEqualTo("NFS4_OK");
    assertThat(new Bitmap4().decode(reply.in())).isEqualTo(asked);
    reply.in().int32();
    assertThat(new Bitmap4().decode(reply.in())).isEqualTo(Bitmap4.of(1, 2, 3));
    assertThat(new Bitmap4().decode(reply.in())).isEqualTo(Bitmap4.of(0, 1, 2, 3));
    assertThat(new Bitmap4().decode(reply.in())).isEqualTo(Bitmap4.of(3, 4, 5, 20, 21));
    assertThat(new Bitmap4().decode(reply.in())).isEqualTo(Bitmap4.of(0, 1, 2, 4, 5));
    assertThat(new Bitmap4().decode(reply.in())).isEqualTo(Bitmap4.of(0, 1, 3));
  }

  @Test
  void whoMayNotChangeAFileRecallsNobody() throws IOException {
    Given held = writer();
    int own = new LinuxKernel().effectiveUid();
    FileCalls stranger = fixture.client("stranger", own + 4711);
    String mode = stranger.setAttr(held.handle(), Stateids.ANONYMOUS, FileCalls.mode(0777));
    if (own != 0) {
      assertThat(mode).as("everybody is the server's own user").isEqualTo("NFS4ERR_DELAY");
      return;
    }
    assertThat(mode).isEqualTo("NFS4ERR_PERM");
    assertThat(stranger.remove(root, "file")).isEqualTo("NFS4ERR_ACCESS");
    assertThat(stranger.rename(root, "file", root, "other")).isEqualTo("NFS4ERR_ACCESS");
    Files.setPosixFilePermissions(fixture.export(), PosixFilePermissions.fromString("rwxrwxrwx"));
    if (SystemFacts.of(new LinuxKernel()).linksAreProtected()) {
      Consumer<XdrWriter> name = FileCalls.name("mine");
      assertThat(stranger.onTwo(held.handle(), root, NfsOp4.OP_LINK, name).status())
          .isEqualTo("NFS4ERR_ACCESS");
    }
    assertThat(one.recalls).isEmpty();
  }

  // ---------------------------------------------------------------- CB_GETATTR

  private record Seen(String status, long change, long size, long modified) {}

  private Seen attributes(DelegationPeer peer, byte[] handle) {
    Bitmap4 asked =
        Bitmap4.of(
            FileAttributes.FATTR4_CHANGE,
            FileAttributes.FATTR4_SIZE,
            FileAttributes.FATTR4_TIME_MODIFY);
    FileCalls.Answer answer = peer.calls.on(handle, NfsOp4.OP_GETATTR, asked::encode);
    if (!answer.status().equals("NFS4_OK")) {
      return new Seen(answer.status(), 0, 0, 0);
    }
    new Bitmap4().decode(answer.in());
    answer.in().int32();
    return new Seen(answer.status(), answer.in().int64(), answer.in().int64(), answer.in().int64());
  }

  @Test
  void othersSeeWhatTheHolderHasNotWrittenYet() {
    Given held = writer();
    Seen before = attributes(one, held.handle());
    one.holds(before.change(), before.size());
    assertThat(attributes(two, held.handle())).as("unchanged").isEqualTo(before);

    one.holds(before.change() + 1, 4711);
    Seen changed = attributes(two, held.handle());
    assertThat(changed.size()).isEqualTo(4711);
    assertThat(changed.change()).isGreaterThan(before.change());
    Seen again = attributes(two, held.handle());
    assertThat(again.change()).as("maybe changed again").isGreaterThan(changed.change());

    assertThat(one.giveBack(held.handle(), held.stateid())).isEqualTo("NFS4_OK");
    Seen after = attributes(two, held.handle());
    assertThat(after.size()).as("it never wrote it").isEqualTo(before.size());
    assertThat(after.change()).as("never goes back").isGreaterThanOrEqualTo(again.change());
    assertThat(one.recalls).isEmpty();
  }

  @Test
  void othersSeeTheTimesThatTheHolderKeeps() throws IOException {
    one.minorVersion(2);
    long now = Files.getLastModifiedTime(file).to(TimeUnit.SECONDS);
    Files.setLastModifiedTime(
        file, java.nio.file.attribute.FileTime.from(now - 1000, TimeUnit.SECONDS));
    Given held = one.open(root, "file", BOTH | OpenConst4.OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS);
    assertThat(held.type()).isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE_ATTRS_DELEG);
    Seen before = attributes(one, held.handle());
    one.holds(before.change(), before.size());

    one.keepsTime(now - 2000);
    assertThat(attributes(two, held.handle())).as("no time goes back").isEqualTo(before);
    one.keepsTime(now - 500);
    Seen touched = attributes(two, held.handle());
    assertThat(touched.modified()).isEqualTo(now - 500);
    assertThat(touched.size()).isEqualTo(before.size());
    assertThat(touched.change()).as("a client looks again").isGreaterThan(before.change());
    assertThat(attributes(two, held.handle())).as("nothing new").isEqualTo(touched);
    one.keepsTime(now + 5000);
    assertThat(attributes(two, held.handle()).modified()).as("not ahead").isBetween(now, now + 900);
    assertThat(one.recalls).isEmpty();
  }

  @Test
  void holderThatDoesNotSayIsRecalledAndOthersWait() throws Exception {
    Given held = writer();
    one.calls.close(held.handle(), held.open());
    one.honest();
    assertThat(attributes(two, held.handle()).status()).isEqualTo("NFS4ERR_DELAY");
    one.nextRecall();
    assertThat(
            insist(
                    () -> attributes(two, held.handle()),
                    seen -> seen.status().equals("NFS4ERR_DELAY"))
                .status())
        .isEqualTo("NFS4_OK");
  }
}
