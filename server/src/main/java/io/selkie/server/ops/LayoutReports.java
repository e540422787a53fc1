package io.selkie.server.ops;

import io.selkie.config.time.NanoClock;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.nfs4.Stateids;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.metrics.Metric;
import io.selkie.server.vfs.VfsFile;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What clients report of their layouts: LAYOUTERROR and LAYOUTSTATS, RFC 7862 sections 15.6 and
 * 15.7. Reports are counted and, within bounds, logged; they change nothing. An error is answered
 * only for what a LAYOUTRETURN in the same place would be refused for too.
 */
final class LayoutReports {

  private static final Logger LOG = LoggerFactory.getLogger(LayoutReports.class);
  private static final int ERRORS_MAX = 1024;
  private static final int ERROR_BYTES = DeviceId4.BYTES + 4 + 4;
  private static final int BODY_BYTES_MAX = 65_536;

  private LayoutReports() {}

  private static int check(FileServices services, CompoundContext c, Stateid4 stateid) {
    if (!(c.currentFile() instanceof VfsFile)) {
      return NfsStat4.NFS4ERR_NOFILEHANDLE;
    }
    return stateid == null || !services.arbiter().isLayoutStateid(stateid)
        ? NfsStat4.NFS4ERR_BAD_STATEID
        : services.arbiter().testStateid(c.clientId(), stateid);
  }

  /** LAYOUTERROR. */
  static final class Errors extends FileOperation {
    private static final int LINES_PER_MINUTE = 10;
    private static final long MINUTE_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final NanoClock clock;

    // Guarded by this.
    private long minuteBegan;
    private int lines;
    private long unsaid;

    Errors(FileServices services, NanoClock clock) {
      super(services, NfsOp4.OP_LAYOUTERROR);
      this.clock = clock;
      this.minuteBegan = clock.nanoTime();
    }

    @Override
    public int execute(CompoundContext c) {
      XdrReader args = c.args();
      long offset = args.int64();
      long length = args.int64();
      Stateid4 stateid = c.resolve(Stateids.decode(args));
      int count = args.count(ERRORS_MAX, ERROR_BYTES);
      int status = check(services, c, stateid);
      for (int i = 0; i < count; i++) {
        DeviceId4 device = DeviceId4.decode(args);
        int error = args.int32();
        int opcode = args.int32();
        if (status == NfsStat4.NFS4_OK) {
          count(opcode, error);
          say(c, offset, length, device, opcode, error);
        }
      }
      return status;
    }

    private void count(int opcode, int error) {
      // Numbers that are none of the protocol's have one name together.
      String operation = NfsOp4.isDefined(2, opcode) ? NfsOp4.name(opcode) : "OP_ILLEGAL";
      String status = NfsStat4.isDefined(error) ? NfsStat4.name(error) : "other";
      services
          .metrics()
          .counter(Metric.LAYOUT_ERRORS, operation.substring("OP_".length()), status)
          .inc();
    }

    private synchronized void say(
        CompoundContext c, long offset, long length, DeviceId4 device, int opcode, int error) {
      long now = clock.nanoTime();
      if (now - minuteBegan > MINUTE_NANOS) {
        minuteBegan = now;
        lines = 0;
      }
      if (lines >= LINES_PER_MINUTE) {
        unsaid++;
        return;
      }
      lines++;
      LOG.warn(
          "client {} reports {} of {} on device {} in {}, bytes {}+{}; {} reports before were not"
              + " logged",
          Long.toHexString(c.clientId()),
          NfsStat4.name(error),
          NfsOp4.name(opcode),
          device,
          c.currentFile(),
          Long.toUnsignedString(offset),
          Long.toUnsignedString(length),
          unsaid);
      unsaid = 0;
    }
  }

  /** LAYOUTSTATS. */
  static final class Statistics extends FileOperation {
    Statistics(FileServices services) {
      super(services, NfsOp4.OP_LAYOUTSTATS);
    }

    @Override
    public int execute(CompoundContext c) {
      XdrReader args = c.args();
      args.int64();
      args.int64();
      Stateid4 stateid = c.resolve(Stateids.decode(args));
      long reads = args.int64();
      long readBytes = args.int64();
      long writes = args.int64();
      long writtenBytes = args.int64();
      DeviceId4.decode(args);
      args.int32();
      args.skipVariableOpaque(BODY_BYTES_MAX);
      int status = check(services, c, stateid);
      if (status == NfsStat4.NFS4_OK) {
        services.metrics().counter(Metric.LAYOUT_STATISTICS).inc();
        LOG.debug(
            "client {} of {}: {} reads of {} bytes, {} writes of {} bytes",
            Long.toHexString(c.clientId()),
            c.currentFile(),
            Long.toUnsignedString(reads),
            Long.toUnsignedString(readBytes),
            Long.toUnsignedString(writes),
            Long.toUnsignedString(writtenBytes));
      }
      return status;
    }
  }
}
