package io.selkie.client.direct;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.CompletionQueue;
import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.MemoryRegion;
import io.selkie.rdma.ProtectionDomain;
import io.selkie.rdma.QueuePair;
import io.selkie.rdma.WorkStatus;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * A queue pair whose peer is a piece of memory here: requests are carried out as they are reaped.
 */
public final class MemoryQueuePair implements QueuePair, CompletionQueue {
  private record Request(boolean write, MemorySegment local, long address, long workId) {}

  /** What RDMA FLUSH was asked to make durable. */
  public record Flushed(int key, long address, long bytes) {}

  private final MemorySegment remote;
  private final ArrayDeque<Request> requests = new ArrayDeque<>();
  private final int depth;
  private int failAfter = Integer.MAX_VALUE;
  private boolean broken;
  public final List<Flushed> flushed = new ArrayList<>();
  int posted;
  int confirmed;
  int inFlightMax;

  /** Over that memory; takes {@code depth} requests. */
  public MemoryQueuePair(MemorySegment remote, int depth) {
    this.remote = remote;
    this.depth = depth;
  }

  /** The request after so many fails, and what is behind it is flushed. */
  public void failAfter(int count) {
    failAfter = count;
  }

  @Override
  public synchronized PostResult postRead(
      MemoryRegion localRegion, MemorySegment local, int key, long address, long workId) {
    return post(new Request(false, local, address, workId));
  }

  @Override
  public synchronized PostResult postWrite(
      MemoryRegion localRegion, MemorySegment local, int key, long address, long workId) {
    return post(new Request(true, local, address, workId));
  }

  @Override
  public synchronized PostResult postWriteAndConfirm(
      MemoryRegion localRegion, MemorySegment local, int key, long address, long workId) {
    confirmed++;
    return post(new Request(true, local, address, workId));
  }

  @Override
  public boolean canFlush() {
    return true;
  }

  @Override
  public synchronized PostResult postFlush(
      int key, long address, long bytes, boolean persistent, long workId) {
    assertThat(persistent).isTrue();
    flushed.add(new Flushed(key, address, bytes));
    return post(new Request(false, MemorySegment.NULL, 0, workId));
  }

  private PostResult post(Request request) {
    if (broken) {
      return PostResult.BROKEN;
    }
    if (requests.size() == depth) {
      return PostResult.QUEUE_FULL;
    }
    requests.add(request);
    posted++;
    inFlightMax = Math.max(inFlightMax, requests.size());
    return PostResult.POSTED;
  }

  @Override
  public synchronized int poll(Sink sink, int limit) {
    int given = 0;
    while (given < limit && !requests.isEmpty()) {
      Request request = requests.remove();
      if (!broken && failAfter-- == 0) {
        broken = true;
        sink.onCompletion(request.workId, WorkStatus.REMOTE_ACCESS_ERROR);
      } else if (broken) {
        sink.onCompletion(request.workId, WorkStatus.FLUSHED);
      } else {
        MemorySegment there = remote.asSlice(request.address, request.local.byteSize());
        if (request.write) {
          there.copyFrom(request.local);
        } else {
          request.local.copyFrom(there);
        }
        sink.onCompletion(request.workId, WorkStatus.SUCCESS);
      }
      given++;
    }
    return given;
  }

  @Override
  public int await(Sink sink, int limit, long timeoutNanos) {
    int given = poll(sink, limit);
    if (given == 0) {
      throw new AssertionError("waits for a completion that will not come");
    }
    return given;
  }

  @Override
  public CompletionQueue completions() {
    return this;
  }

  @Override
  public int sendQueueDepth() {
    return depth;
  }

  @Override
  public boolean isUp() {
    return !broken;
  }

  @Override
  public String remoteAddress() {
    return "memory";
  }

  @Override
  public void close() {
    broken = true;
  }

  @Override
  public void abort(String reason) {
    broken = true;
  }

  @Override
  public ByteBuffer remotePrivateData() {
    return ByteBuffer.allocate(0);
  }

  @Override
  public ProtectionDomain domain() {
    throw new UnsupportedOperationException();
  }

  @Override
  public DisconnectCause disconnectCause() {
    return null;
  }

  @Override
  public PostResult postSend(MemoryRegion localRegion, MemorySegment local, long workId) {
    throw new UnsupportedOperationException();
  }

  @Override
  public PostResult postSendWithInvalidate(
      MemoryRegion localRegion, MemorySegment local, int remoteKey, long workId) {
    throw new UnsupportedOperationException();
  }
}
