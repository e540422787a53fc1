package io.selkie.protocol.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: call and reply headers come back as they went, and random ones do no harm. */
class RpcMessageTest {

  private final ByteBuffer buffer = ByteBuffer.allocate(1024);
  private final XdrWriter out = new XdrWriter(buffer);

  private XdrReader written() {
    XdrReader in = new XdrReader(buffer.duplicate().flip());
    assertThat(in.int32()).as("xid").isEqualTo(7);
    return in;
  }

  @Test
  void callWithoutACredentialComesBack() {
    RpcCall.encode(out, 7, 100003, 4, 1);
    out.int32(4711);
    XdrReader in = written();
    assertThat(in.int32()).isEqualTo(RpcConst.CALL);
    RpcCall call = new RpcCall();
    assertThat(call.decode(7, in)).isEqualTo(RpcCall.Verdict.OK);
    assertThat(call.xid()).isEqualTo(7);
    assertThat(call.program()).isEqualTo(100003);
    assertThat(call.version()).isEqualTo(4);
    assertThat(call.procedure()).isEqualTo(1);
    assertThat(call.flavor()).isEqualTo(RpcConst.AUTH_NONE);
    assertThat(in.int32()).as("the arguments follow").isEqualTo(4711);
  }

  @Property
  void authSysComesBack(
      @ForAll int uid,
      @ForAll int gid,
      @ForAll @Size(max = 16) int[] gids,
      @ForAll @Size(max = 255) byte[] machine) {
    XdrWriter to = new XdrWriter(ByteBuffer.allocate(1024));
    RpcCall.encode(to, 7, 1, 2, 3, new AuthSys().set(uid, gid, gids), 9, machine);
    to.int32(4711);
    XdrReader in = new XdrReader(to.buffer().flip());
    in.skip(8);
    RpcCall call = new RpcCall();
    assertThat(call.decode(7, in)).isEqualTo(RpcCall.Verdict.OK);
    assertThat(call.flavor()).isEqualTo(RpcConst.AUTH_SYS);
    AuthSys credential = call.authSys();
    assertThat(credential.uid()).isEqualTo(uid);
    assertThat(credential.gid()).isEqualTo(gid);
    assertThat(credential.gidCount()).isEqualTo(gids.length);
    for (int i = 0; i < gids.length; i++) {
      assertThat(credential.gid(i)).isEqualTo(gids[i]);
    }
    assertThat(new AuthSys().assign(credential).toString()).isEqualTo(credential.toString());
    assertThat(in.int32()).isEqualTo(4711);
  }

  @Test
  void moreThanSixteenGroupsAreNoCredential() {
    assertThatThrownBy(() -> new AuthSys().set(1, 1, new int[17]))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Property
  void randomHeadersAreJudgedOrRefused(@ForAll @Size(max = 120) byte[] bytes) {
    XdrReader in = new XdrReader(ByteBuffer.wrap(bytes));
    try {
      new RpcCall().decode(1, in);
    } catch (XdrException e) {
      assertThat(e.kind()).isEqualTo(XdrException.Kind.TRUNCATED);
    }
    assertThat(in.position()).isLessThanOrEqualTo(bytes.length);
  }

  @Property
  void randomRepliesAreReadOrRefused(@ForAll @Size(max = 60) byte[] bytes) {
    XdrReader in = new XdrReader(ByteBuffer.wrap(bytes));
    try {
      new RpcReply().decode(in);
    } catch (XdrException _) {
      // Which kind depends on the bytes; that it is no other exception is the point.
    }
    assertThat(in.position()).isLessThanOrEqualTo(bytes.length);
  }

  private RpcReply reply() {
    XdrReader in = written();
    assertThat(in.int32()).isEqualTo(RpcConst.REPLY);
    RpcReply reply = new RpcReply();
    reply.decode(in);
    assertThat(in.remaining()).isZero();
    return reply;
  }

  @Test
  void successComesBack() {
    RpcReply.encodeAccepted(out, 7, RpcConst.SUCCESS);
    assertThat(out.position()).isEqualTo(RpcReply.ACCEPTED_BYTES);
    assertThat(reply().isSuccess()).isTrue();
  }

  @Test
  void mismatchesComeBackWithTheirRange() {
    RpcReply.encodeProgramMismatch(out, 7, 3, 4);
    RpcReply reply = reply();
    assertThat(reply.isSuccess()).isFalse();
    assertThat(reply.stat()).isEqualTo(RpcConst.PROG_MISMATCH);
    assertThat(reply.low()).isEqualTo(3);
    assertThat(reply.high()).isEqualTo(4);
  }

  @Test
  void denialsComeBackWithTheirReason() {
    RpcReply.encodeRpcMismatch(out, 7);
    assertThat(reply().stat()).isEqualTo(RpcConst.RPC_MISMATCH);
    out.rewind(0);
    RpcReply.encodeAuthError(out, 7, RpcConst.AUTH_TOOWEAK);
    RpcReply reply = reply();
    assertThat(reply.replyStat()).isEqualTo(RpcConst.MSG_DENIED);
    assertThat(reply.stat()).isEqualTo(RpcConst.AUTH_ERROR);
    assertThat(reply.low()).isEqualTo(RpcConst.AUTH_TOOWEAK);
  }

  @Property
  void recordMarksComeBack(@ForAll @IntRange(max = Integer.MAX_VALUE) int length) {
    int mark = RecordMark.lastFragment(length);
    assertThat(RecordMark.isLast(mark)).isTrue();
    assertThat(RecordMark.length(mark)).isEqualTo(length);
    assertThat(RecordMark.isLast(length)).isFalse();
    assertThat(RecordMark.length(length)).isEqualTo(length);
  }
}
