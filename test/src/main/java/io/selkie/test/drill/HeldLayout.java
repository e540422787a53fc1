package io.selkie.test.drill;

import io.selkie.client.FileHandle;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A layout that a client got, for as long as the drill remembers it: also when it is over. */
final class HeldLayout {

  private final DrillFile file;
  private final String grantedAs;
  private final FileHandle handle;
  private final long grantedNanos;
  private final List<RdmaExtent4> extents;
  private final CompletableFuture<String> over = new CompletableFuture<>();
  private volatile Stateid4 stateid;
  private volatile DrillClient.Peer peer;

  HeldLayout(
      DrillFile file,
      FileHandle handle,
      Stateid4 stateid,
      long grantedNanos,
      List<RdmaExtent4> extents) {
    this.file = file;
    this.grantedAs = String.valueOf(file.path().getFileName());
    this.handle = handle;
    this.stateid = stateid;
    this.grantedNanos = grantedNanos;
    this.extents = List.copyOf(extents);
  }

  DrillFile file() {
    return file;
  }

  /** The name that the file had then; the server may go on calling it so. */
  String grantedAs() {
    return grantedAs;
  }

  FileHandle handle() {
    return handle;
  }

  Stateid4 stateid() {
    return stateid;
  }

  /** The server has counted on: a recall, a return. */
  void restate(Stateid4 now) {
    stateid = now;
  }

  /** Where its bytes were reached last; null before the first access. */
  DrillClient.Peer peer() {
    return peer;
  }

  void reachedAt(DrillClient.Peer where) {
    peer = where;
  }

  long grantedNanos() {
    return grantedNanos;
  }

  List<RdmaExtent4> extents() {
    return extents;
  }

  /** The place of a byte, if there is one. */
  Optional<RdmaExtent4> at(long offset) {
    return extents.stream()
        .filter(extent ->
            extent.fileOffset() <= offset
                && offset < extent.fileOffset() + extent.length()
                && extent.state() != RdmaExtentState4.PNFS_RDMA_NONE_DATA)
        .findFirst();
  }

  /** From now on nothing may land through it, and the reason why that is known. */
  void end(String why) {
    over.complete(why);
  }

  /** Completes when nothing may land through it any more. */
  CompletableFuture<String> over() {
    return over;
  }
}
