package io.selkie.server.testing;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.CurrentFile;
import io.selkie.server.compound.Operation;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToIntFunction;
import java.util.zip.CRC32C;

/** Operations that do what a test wants, under the numbers of real ones. */
public final class TestOps {

  private TestOps() {}

  /** PUTROOTFH: sets a current file handle. */
  public static Operation putRootFh() {
    return memory(
        NfsOp4.OP_PUTROOTFH,
        c -> {
          c.currentFile(new CurrentFile() {});
          return NfsStat4.NFS4_OK;
        });
  }

  /** An operation that runs on an event loop. */
  public static Operation memory(int opcode, ToIntFunction<CompoundContext> body) {
    return new Operation() {
      @Override
      public int opcode() {
        return opcode;
      }

      @Override
      public Cost cost() {
        return Cost.MEMORY;
      }

      @Override
      public int execute(CompoundContext c) {
        return body.applyAsInt(c);
      }
    };
  }

  /** An operation that runs on a worker. */
  public static Operation blocking(int opcode, ToIntFunction<CompoundContext> body) {
    return new Operation() {
      @Override
      public int opcode() {
        return opcode;
      }

      @Override
      public int execute(CompoundContext c) {
        return body.applyAsInt(c);
      }
    };
  }

  /** READ: answers a stateid's worth of nothing: eof and as many zero bytes as were asked for. */
  public static Operation read() {
    return blocking(
        NfsOp4.OP_READ,
        c -> {
          c.args().skip(16 + 8);
          int count = c.args().int32();
          c.reply().bool(true);
          int length = c.reply().beginOpaque();
          c.reply().ensure(count);
          c.reply().position(c.reply().position() + count);
          c.reply().endOpaque(length);
          return NfsStat4.NFS4_OK;
        });
  }

  /** Adds READ's arguments. */
  public static Compound read(Compound compound, int count) {
    return compound.op(
        NfsOp4.OP_READ,
        o -> {
          o.int32(0);
          o.int64(0);
          o.int32(0);
          o.int64(0);
          o.int32(count);
        });
  }

  /** WRITE: answers the CRC-32C of the data it was given, taken where it lies in the request. */
  public static Operation write() {
    return blocking(
        NfsOp4.OP_WRITE,
        c -> {
          c.args().skip(16 + 8 + 4);
          int length = c.args().opaqueLength(Integer.MAX_VALUE);
          ByteBuffer data = c.args().buffer().slice(c.args().position(), length);
          c.args().skipOpaque(length);
          if (!data.isDirect()) {
            return NfsStat4.NFS4ERR_SERVERFAULT;
          }
          CRC32C crc = new CRC32C();
          crc.update(data);
          c.reply().int64(crc.getValue());
          return NfsStat4.NFS4_OK;
        });
  }

  /** Adds WRITE's arguments. */
  public static Compound write(Compound compound, byte[] data) {
    return compound.op(
        NfsOp4.OP_WRITE,
        o -> {
          o.int64(0);
          o.int64(0);
          o.int64(0);
          o.int32(0);
          o.opaque(data);
        });
  }

  /** COMMIT that counts its executions and waits until the test lets it go. */
  public static final class Gate implements Operation {
    private final AtomicInteger executions = new AtomicInteger();
    private final LinkedBlockingQueue<CompletableFuture<Integer>> waiting =
        new LinkedBlockingQueue<>();

    @Override
    public int opcode() {
      return NfsOp4.OP_COMMIT;
    }

    @Override
    public int execute(CompoundContext c) {
      c.args().skip(12);
      executions.incrementAndGet();
      CompletableFuture<Integer> future = new CompletableFuture<>();
      waiting.add(future);
      return c.suspend(
          future,
          (context, status, failure) -> {
            if (failure != null) {
              return NfsStat4.NFS4ERR_IO;
            }
            if (status == NfsStat4.NFS4_OK) {
              context.reply().int64(7);
            }
            return status;
          });
    }

    /** How often it was executed. */
    public int executions() {
      return executions.get();
    }

    /** Waits for an execution, and returns what it waits for. */
    public CompletableFuture<Integer> await() throws InterruptedException {
      CompletableFuture<Integer> future =
          waiting.poll(Nfs41TestClient.TIMEOUT_SECONDS, java.util.concurrent.TimeUnit.SECONDS);
      if (future == null) {
        throw new AssertionError("COMMIT was not executed");
      }
      return future;
    }

    /** Adds COMMIT's arguments. */
    public static Compound commit(Compound compound) {
      return compound.op(
          NfsOp4.OP_COMMIT,
          o -> {
            o.int64(0);
            o.int32(0);
          });
    }
  }

  /** CLOSE: answers the stateid it was given, as resolved, and makes it the current one. */
  public static Operation close() {
    return memory(
        NfsOp4.OP_CLOSE,
        c -> {
          c.args().int32();
          Stateid4 stateid = c.resolve(io.selkie.protocol.nfs4.Stateids.decode(c.args()));
          if (stateid == null) {
            return NfsStat4.NFS4ERR_BAD_STATEID;
          }
          c.currentStateid(stateid);
          io.selkie.protocol.nfs4.Stateids.encode(c.reply(), stateid);
          return NfsStat4.NFS4_OK;
        });
  }

  /** Adds CLOSE's arguments. */
  public static Compound close(Compound compound, Stateid4 stateid) {
    return compound.op(
        NfsOp4.OP_CLOSE,
        o -> {
          o.int32(0);
          io.selkie.protocol.nfs4.Stateids.encode(o, stateid);
        });
  }
}
