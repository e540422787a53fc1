package io.selkie.server.ops;

import io.selkie.config.time.NanoClock;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.FsUser;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.offload.OffloadWork;
import io.selkie.server.vfs.NfsErrors;
import io.selkie.server.vfs.OpenFile;
import java.util.ArrayList;
import java.util.List;

/**
 * One COPY: begun by its request, gone on with on its own if that takes too long; always as the
 * user who asked for it.
 */
final class CopyWork implements OffloadWork {

  private final FileServices services;
  private final FileCopier copier;
  private final OpenFile source;
  private final long from;
  private final OpenFile target;
  private final long to;
  private final long length;
  private final long clientId;
  private final FsUser user;
  private volatile long done;
  private volatile int status = NfsStat4.NFS4_OK;

  /**
   * Nothing is copied yet.
   *
   * @param source retained; given back by {@link #close}
   * @param target retained; given back by {@link #close}
   */
  CopyWork(
      FileServices services,
      FileCopier copier,
      OpenFile source,
      long from,
      OpenFile target,
      long to,
      long length,
      long clientId) {
    this.services = services;
    this.copier = copier;
    this.source = source;
    this.from = from;
    this.target = target;
    this.to = to;
    this.length = length;
    this.clientId = clientId;
    this.user = services.kernel().user();
  }

  /**
   * Does pieces on the request's own thread until all is done, something is wrong, or time is up.
   *
   * @param obstacles gets the files of which only delegations are in the way
   */
  Step runFor(long nanos, NanoClock clock, List<FileIdentity> obstacles) {
    long start = clock.nanoTime();
    Step step = piece(obstacles);
    while (step == Step.MORE && clock.nanoTime() - start < nanos) {
      step = piece(obstacles);
    }
    return step;
  }

  @Override
  public Step step() {
    services.kernel().begin(user, false);
    try {
      return piece(new ArrayList<>(2));
    } finally {
      services.kernel().end();
    }
  }

  private Step piece(List<FileIdentity> obstacles) {
    long before = done;
    if (before == length) {
      return Step.DONE;
    }
    long copied =
        copier.copy(
            source, from + before, target, to + before, length - before, clientId, obstacles);
    if (copied == FileCopier.DELAYED) {
      return Step.LATER;
    }
    if (copied < 0) {
      status = NfsErrors.of(copied);
      return Step.FAILED;
    }
    done = before + copied;
    // A source that has become shorter has no more to give.
    return copied == 0 || done == length ? Step.DONE : Step.MORE;
  }

  @Override
  public long doneBytes() {
    return done;
  }

  @Override
  public int status() {
    return status;
  }

  @Override
  public void close() {
    source.release();
    target.release();
  }
}
