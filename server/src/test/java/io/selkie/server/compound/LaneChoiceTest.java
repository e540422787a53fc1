package io.selkie.server.compound;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.rpc.RpcLimits;
import io.selkie.server.session.SessionLimits;
import io.selkie.server.testing.Compound;
import io.selkie.server.testing.CompoundReply;
import io.selkie.server.testing.Nfs41TestClient;
import io.selkie.server.testing.TestServer;
import io.selkie.server.testing.TestSession;
import io.selkie.server.testing.TestTimers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: each operation runs among those that can only be slow for the same reason. */
@Timeout(60)
class LaneChoiceTest {

  private static final byte[] OPEN = {1};
  private static final byte[] COLD = {0};

  /** A file that is open or not, as the one byte of its handle says. */
  private record Known(boolean open) implements CurrentFile {}

  private static final Places PLACES =
      new Places() {
        @Override
        public int of(ByteBuffer request, int start, int length) {
          return NOWHERE;
        }

        @Override
        public boolean isAtHand(ByteBuffer request, int start, int length) {
          return length > 0 && request.get(start) == 1;
        }
      };

  private final List<String> lanes = new CopyOnWriteArrayList<>();
  private TestServer server;
  private Nfs41TestClient client;
  private TestSession session;

  /** Notes where it runs. */
  private final class Noted implements Operation {
    private final int opcode;
    private final boolean givesBack;
    private final boolean closes;

    Noted(int opcode, boolean givesBack, boolean closes) {
      this.opcode = opcode;
      this.givesBack = givesBack;
      this.closes = closes;
    }

    @Override
    public int opcode() {
      return opcode;
    }

    @Override
    public boolean givesBack() {
      return givesBack;
    }

    @Override
    public boolean closes() {
      return closes;
    }

    @Override
    public boolean followsGivingBack(CompoundContext c) {
      return opcode == NfsOp4.OP_GETATTR && c.currentFile() instanceof Known file && file.open();
    }

    @Override
    public boolean waitsForDisk(ByteBuffer request, int at) {
      return opcode == NfsOp4.OP_COMMIT;
    }

    @Override
    public int execute(CompoundContext c) {
      String thread = Thread.currentThread().getName();
      lanes.add(NfsOp4.name(opcode).substring(3) + " " + thread.split("-")[1]);
      if (opcode == NfsOp4.OP_PUTFH) {
        c.currentFile(new Known(c.args().opaque(8)[0] == 1));
      } else if (opcode == NfsOp4.OP_GETATTR) {
        new Bitmap4().decode(c.args());
      }
      return NfsStat4.NFS4_OK;
    }
  }

  @BeforeEach
  void open() throws IOException {
    server =
        new TestServer(
            RpcLimits.DEFAULT,
            SessionLimits.DEFAULT,
            NanoClock.system(),
            new TestTimers(),
            new Workers(2, 8),
            PLACES,
            c -> 0,
            new Noted(NfsOp4.OP_PUTFH, false, false),
            new Noted(NfsOp4.OP_GETATTR, false, false),
            new Noted(NfsOp4.OP_ACCESS, false, false),
            new Noted(NfsOp4.OP_COMMIT, false, false),
            new Noted(NfsOp4.OP_LAYOUTRETURN, true, false),
            new Noted(NfsOp4.OP_CLOSE, true, true));
    client = server.connect();
    session = TestSession.open(client, "lanes");
  }

  @AfterEach
  void close() {
    client.close();
    server.close();
  }

  private static UnaryOperator<Compound> on(byte[] handle, int... opcodes) {
    return c -> {
      c.op(NfsOp4.OP_PUTFH, o -> o.opaque(handle));
      for (int opcode : opcodes) {
        c.op(opcode, opcode == NfsOp4.OP_GETATTR ? new Bitmap4().set(1).set(33)::encode : o -> {});
      }
      return c;
    };
  }

  private void run(UnaryOperator<Compound> operations) {
    CompoundReply reply = session.call(operations);
    assertThat(reply.status()).isEqualTo("NFS4_OK");
  }

  @Test
  void whatGivesBackAndWhatMayCloseAreApart() {
    run(on(OPEN, NfsOp4.OP_LAYOUTRETURN, NfsOp4.OP_GETATTR));
    run(on(OPEN, NfsOp4.OP_CLOSE, NfsOp4.OP_GETATTR));
    run(on(OPEN, NfsOp4.OP_LAYOUTRETURN, NfsOp4.OP_CLOSE));
    assertThat(lanes)
        .containsExactly(
            "PUTFH return",
            "LAYOUTRETURN return",
            "GETATTR return",
            "PUTFH close",
            "CLOSE close",
            "GETATTR close",
            "PUTFH return",
            "LAYOUTRETURN return",
            "CLOSE close");
  }

  @Test
  void attributesThatAreAskedForFirstChangeNothing() {
    run(on(OPEN, NfsOp4.OP_GETATTR, NfsOp4.OP_CLOSE));
    run(on(OPEN, NfsOp4.OP_GETATTR, NfsOp4.OP_LAYOUTRETURN));
    run(on(COLD, NfsOp4.OP_GETATTR, NfsOp4.OP_LAYOUTRETURN));
    run(on(OPEN, NfsOp4.OP_GETATTR, NfsOp4.OP_ACCESS));
    assertThat(lanes)
        .containsExactly(
            "PUTFH close",
            "GETATTR close",
            "CLOSE close",
            "PUTFH return",
            "GETATTR return",
            "LAYOUTRETURN return",
            "PUTFH worker",
            "GETATTR worker",
            "LAYOUTRETURN worker",
            "PUTFH worker",
            "GETATTR worker",
            "ACCESS worker");
  }

  @Test
  void whatIsNotOpenIsNotLookedForAmongThem() {
    run(on(COLD, NfsOp4.OP_LAYOUTRETURN));
    assertThat(lanes).containsExactly("PUTFH worker", "LAYOUTRETURN worker");
    lanes.clear();
    run(c -> on(COLD, NfsOp4.OP_GETATTR).apply(on(OPEN, NfsOp4.OP_LAYOUTRETURN).apply(c)));
    assertThat(lanes)
        .containsExactly("PUTFH return", "LAYOUTRETURN return", "PUTFH worker", "GETATTR worker");
  }

  @Test
  void otherOperationsLeaveThem() {
    run(on(OPEN, NfsOp4.OP_CLOSE, NfsOp4.OP_ACCESS, NfsOp4.OP_COMMIT, NfsOp4.OP_GETATTR));
    assertThat(lanes)
        .containsExactly(
            "PUTFH close", "CLOSE close", "ACCESS worker", "COMMIT disk", "GETATTR disk");
  }
}
