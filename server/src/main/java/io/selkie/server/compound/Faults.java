package io.selkie.server.compound;

import io.selkie.protocol.nfs4.NfsStat4;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What becomes of an operation that fails by a defect: it is logged, and answered. */
final class Faults {
  private static final Logger LOG = LoggerFactory.getLogger(CompoundEngine.class);

  private Faults() {}

  /** Says what failed, once; its status. */
  static int status(CompoundContext c, Throwable why) {
    EngineState s = c.state();
    s.keepErrorBody = false;
    s.clearSuspension();
    try {
      LOG.error(
          "{} failed and is answered with NFS4ERR_SERVERFAULT: {}", s.operation.name(), c, why);
    } catch (OutOfMemoryError | StackOverflowError e) {
      // There is no room for words either. Who waits for the answer gets it all the same.
      why.addSuppressed(e);
    }
    return NfsStat4.NFS4ERR_SERVERFAULT;
  }
}
