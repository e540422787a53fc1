package io.selkie.client.layout;

import io.selkie.client.FallbackReason;
import io.selkie.client.direct.DirectChannel;
import io.selkie.client.direct.GrantedExtent;
import io.selkie.client.nfs.LayoutCalls.Part;
import io.selkie.client.session.Deadline;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.protocol.nfs4.LayoutConst4;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Checks a layout that the server sent and turns it into extents that can be used. */
final class GrantedLayout {
  private GrantedLayout() {}

  /** The extents of a layout, split by what they may be used for. */
  record Extents(List<GrantedExtent> readable, List<GrantedExtent> writable) {}

  /**
   * Connects to the devices and checks that the extents are in order, contiguous within a layout,
   * inside the layout's range, and of states that its iomode allows.
   *
   * @throws LayoutRefusedException with BAD_LAYOUT or DEVICE_UNREACHABLE
   */
  static Extents check(List<Part> parts, Devices devices, Deadline deadline)
      throws LayoutRefusedException, IOException {
    List<GrantedExtent> readable = new ArrayList<>();
    List<GrantedExtent> writable = new ArrayList<>();
    for (Part part : parts) {
      boolean isReadWrite = part.ioMode() == LayoutConst4.LAYOUTIOMODE4_RW;
      if (!isReadWrite && part.ioMode() != LayoutConst4.LAYOUTIOMODE4_READ) {
        throw bad("iomode " + part.ioMode());
      }
      long next = -1;
      for (RdmaExtent4 extent : part.extents()) {
        long start = extent.fileOffset();
        long end = start + extent.length();
        if (start < 0 || extent.length() <= 0 || end < 0) {
          throw bad("extent at " + start + " of " + extent.length() + " bytes");
        }
        boolean isUnderlay = isReadWrite && extent.state() == RdmaExtentState4.PNFS_RDMA_READ_DATA;
        if (!isUnderlay) {
          if (next >= 0 ? start != next : !contains(start, end, part.offset())) {
            throw bad(
                "extent at " + start + " where " + Math.max(next, part.offset()) + " was due");
          }
          next = end;
        }
        checkState(isReadWrite, extent.state());
        if (extent.state() != RdmaExtentState4.PNFS_RDMA_INVALID_DATA && !isUnderlay) {
          // Copy-on-write places are left to the server: what is written goes through it, and then
          // the underlay is no longer what is to be read.
          boolean isHole = extent.state() == RdmaExtentState4.PNFS_RDMA_NONE_DATA;
          DirectChannel channel = isHole ? null : devices.channel(extent.deviceId(), deadline);
          (isReadWrite ? writable : readable)
              .add(
                  new GrantedExtent(
                      start,
                      end,
                      extent.state(),
                      extent.handle(),
                      extent.storageOffset(),
                      channel));
        }
      }
    }
    return new Extents(readable, writable);
  }

  private static boolean contains(long start, long end, long position) {
    return start <= position && position < end;
  }

  private static void checkState(boolean isReadWrite, RdmaExtentState4 state)
      throws LayoutRefusedException {
    boolean allowed =
        switch (state) {
          case PNFS_RDMA_READ_WRITE_DATA, PNFS_RDMA_INVALID_DATA -> isReadWrite;
          case PNFS_RDMA_NONE_DATA -> !isReadWrite;
          case PNFS_RDMA_READ_DATA -> true;
        };
    if (!allowed) {
      throw bad("extent of state " + state + " in a layout to " + (isReadWrite ? "write" : "read"));
    }
  }

  private static LayoutRefusedException bad(String what) {
    return new LayoutRefusedException(FallbackReason.BAD_LAYOUT, what);
  }
}
