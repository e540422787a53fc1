package io.selkie.client.direct;

import io.selkie.client.direct.LocalMemory.Bounce;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.WorkStatus;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * Moves bytes between memory and the extents of a table: splits at extents and at a chunk size,
 * keeps several chunks in flight, bounces what cannot be named in a work request.
 *
 * <p>Blocking calls post and reap on the caller's thread. The objects that hold a call's state are
 * pooled, so that a call that fits one chunk allocates nothing. Safe for use by several threads.
 */
public final class DirectIo {
  /** How a transfer ended. */
  public enum Outcome {
    /** All bytes were moved; written bytes are placed in the file. */
    DONE,
    /** The table does not cover the range for this kind of access; nothing was moved. */
    NOT_COVERED,
    /** The peer refused the access; what was written is undefined within the range. */
    REFUSED,
    /** The queue pair broke; what was written is undefined within the range. */
    BROKEN
  }

  private static final int WINDOW = 16;
  private static final int TRANSFERS = 64;

  private final long chunkBytes;
  private final IndexPool transferIndexes = new IndexPool(TRANSFERS);
  private final Transfer[] transfers = new Transfer[TRANSFERS];
  private final long waitNanos;

  /**
   * Transfers.
   *
   * @param chunkBytes largest work request, 4096 to 1 GiB
   * @param waitNanos bound on waiting for a bounce buffer or for one of 64 transfer slots
   */
  public DirectIo(long chunkBytes, long waitNanos) {
    if (chunkBytes < 4096 || chunkBytes > 1 << 30) {
      throw new IllegalArgumentException("chunk of " + chunkBytes + " bytes");
    }
    this.chunkBytes = chunkBytes;
    this.waitNanos = waitNanos;
  }

  /**
   * Reads or writes, blocking. Holes are filled with zeroes.
   *
   * @param table what may be accessed
   * @param position in the file
   * @param local all of it is read into or written from
   */
  public Outcome transfer(ExtentTable table, boolean write, long position, MemorySegment local) {
    if (!table.covers(position, local.byteSize(), write)) {
      return Outcome.NOT_COVERED;
    }
    int index = takeTransfer();
    Transfer transfer = transfers[index];
    if (transfer == null) {
      transfer = new Transfer();
      transfers[index] = transfer;
    }
    try {
      return transfer.run(table, write, position, local);
    } finally {
      transferIndexes.give(index);
    }
  }

  /**
   * Starts a transfer of one chunk whose end a callback hears of, on a thread that drives the
   * channel. False when it does not qualify (several extents, a hole, memory that must be bounced,
   * too large): do it blocking then.
   */
  public boolean start(
      ExtentTable table,
      boolean write,
      long position,
      MemorySegment local,
      Consumer<Outcome> whenDone) {
    int index = table.find(position);
    if (index < 0) {
      return false;
    }
    GrantedExtent extent = table.get(index);
    boolean allowed = write ? extent.isWritable() : extent.isReadable();
    MemoryRegion region = allowed ? extent.channel().memory().regionOf(local) : null;
    if (region == null
        || local.byteSize() > chunkBytes
        || local.byteSize() == 0
        || position + local.byteSize() > extent.end()) {
      return false;
    }
    boolean posted =
        extent
            .channel()
            .postWithCallback(
                status -> whenDone.accept(outcome(status)),
                write,
                region,
                local,
                extent.key(),
                extent.address() + (position - extent.start()));
    if (!posted) {
      whenDone.accept(Outcome.BROKEN);
    }
    return true;
  }

  private static Outcome outcome(WorkStatus status) {
    return switch (status) {
      case SUCCESS -> Outcome.DONE;
      case REMOTE_ACCESS_ERROR -> Outcome.REFUSED;
      case LOCAL_PROTECTION_ERROR, PROTOCOL_ERROR, CONNECTION_LOST, FLUSHED -> Outcome.BROKEN;
    };
  }

  private int takeTransfer() {
    int index = transferIndexes.tryTake();
    boolean interrupted = false;
    while (index == IndexPool.NONE) {
      try {
        index = transferIndexes.take(waitNanos);
      } catch (InterruptedException _) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return index;
  }

  /** One blocking call's chunks in flight, oldest first. */
  private final class Transfer {
    private final DirectChannel[] channels = new DirectChannel[WINDOW];
    private final int[] tickets = new int[WINDOW];
    private final int[] bounceIndexes = new int[WINDOW];
    private final long[] offsets = new long[WINDOW];
    private final long[] lengths = new long[WINDOW];
    private int oldest;
    private int inFlight;
    private Outcome outcome;

    Outcome run(ExtentTable table, boolean write, long position, MemorySegment local) {
      oldest = 0;
      inFlight = 0;
      outcome = Outcome.DONE;
      DirectChannel lastChannel = null;
      MemoryRegion region = null;
      long length = local.byteSize();
      long next = 0;
      while (next < length && outcome == Outcome.DONE) {
        GrantedExtent extent = table.get(table.find(position + next));
        long chunk = Math.min(length - next, extent.end() - (position + next));
        if (!write && !extent.isReadable()) {
          // A hole, or a location that was never written: zeroes, and never read from the device.
          local.asSlice(next, chunk).fill((byte) 0);
          next += chunk;
          continue;
        }
        // Mostly all of them have the same.
        if (extent.channel() != lastChannel) {
          lastChannel = extent.channel();
          region = lastChannel.memory().regionOf(local);
        }
        chunk = Math.min(chunk, region == null ? LocalMemory.BOUNCE_BYTES : chunkBytes);
        // One confirmation at the end covers the writes before it on the same queue pair.
        boolean confirm = next + chunk == length || table.onlyChannel() == null;
        if (inFlight == WINDOW) {
          finishOldest(write, local);
        }
        if (outcome == Outcome.DONE) {
          postChunk(extent, write, confirm, region, local, position, next, chunk);
        }
        next += chunk;
      }
      while (inFlight > 0) {
        finishOldest(write, local);
      }
      return outcome;
    }

    private void postChunk(
        GrantedExtent extent,
        boolean write,
        boolean confirm,
        MemoryRegion userRegion,
        MemorySegment local,
        long position,
        long offset,
        long length) {
      MemoryRegion region = userRegion;
      MemorySegment bytes;
      int bounceIndex = IndexPool.NONE;
      if (region != null) {
        bytes = length == local.byteSize() ? local : local.asSlice(offset, length);
      } else {
        LocalMemory memory = extent.channel().memory();
        bounceIndex = takeBounce(memory, write, local);
        Bounce bounce = bounceIndex == IndexPool.NONE ? null : bounceOrNull(memory, bounceIndex);
        if (bounce == null) {
          fail(Outcome.BROKEN);
          return;
        }
        region = bounce.region;
        bytes = bounce.first(length);
        if (write) {
          MemorySegment.copy(local, offset, bytes, 0, length);
        }
      }
      long address = extent.address() + (position + offset - extent.start());
      DirectChannel channel = extent.channel();
      int ticket = DirectChannel.NO_ROOM;
      while (ticket == DirectChannel.NO_ROOM) {
        if (inFlight == 0) {
          ticket = channel.postWhenRoom(write, confirm, region, bytes, extent.key(), address);
        } else {
          ticket = channel.post(write, confirm, region, bytes, extent.key(), address);
          if (ticket == DirectChannel.NO_ROOM) {
            finishOldest(write, local);
          }
        }
      }
      if (ticket == DirectChannel.BROKEN) {
        if (bounceIndex != IndexPool.NONE) {
          channel.memory().giveBounce(bounceIndex);
        }
        fail(Outcome.BROKEN);
        return;
      }
      int at = (oldest + inFlight) % WINDOW;
      channels[at] = channel;
      tickets[at] = ticket;
      bounceIndexes[at] = bounceIndex;
      offsets[at] = offset;
      lengths[at] = length;
      inFlight++;
    }

    /** Never blocks while it holds a bounce buffer that another transfer may wait for. */
    private int takeBounce(LocalMemory memory, boolean write, MemorySegment local) {
      int index = memory.tryTakeBounce();
      while (index == IndexPool.NONE && inFlight > 0) {
        finishOldest(write, local);
        index = memory.tryTakeBounce();
      }
      boolean interrupted = false;
      while (index == IndexPool.NONE) {
        try {
          index = memory.takeBounce(waitNanos);
          break;
        } catch (InterruptedException _) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      return index;
    }

    private Bounce bounceOrNull(LocalMemory memory, int index) {
      try {
        return memory.bounce(index);
      } catch (RdmaException _) {
        // The device refuses to register 256 KiB: the caller goes another way and says so.
        memory.giveBounce(index);
        return null;
      }
    }

    private void finishOldest(boolean write, MemorySegment local) {
      int at = oldest;
      oldest = (oldest + 1) % WINDOW;
      inFlight--;
      LocalMemory memory = channels[at].memory();
      WorkStatus status = channels[at].await(tickets[at]);
      channels[at] = null;
      int bounceIndex = bounceIndexes[at];
      if (bounceIndex != IndexPool.NONE) {
        if (!write && status == WorkStatus.SUCCESS) {
          MemorySegment source = memory.heldBounce(bounceIndex).memory;
          MemorySegment.copy(source, 0, local, offsets[at], lengths[at]);
        }
        memory.giveBounce(bounceIndex);
      }
      if (status != WorkStatus.SUCCESS) {
        fail(outcome(status));
      }
    }

    /** The refusal says more than the flushing that follows it. */
    private void fail(Outcome how) {
      if (outcome == Outcome.DONE || how == Outcome.REFUSED) {
        outcome = how;
      }
    }
  }
}
