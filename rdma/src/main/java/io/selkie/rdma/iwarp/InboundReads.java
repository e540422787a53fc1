package io.selkie.rdma.iwarp;

/**
 * RDMA READ requests of the peer that are not answered yet, oldest first: the inbound read request
 * queue (IRRQ). A ring of slots, allocated once; the connection's owner alone uses it.
 */
final class InboundReads {

  private final int capacity;
  private final int[] sinkKeys;
  private final long[] sinkOffsets;
  private final int[] sourceKeys;
  private final long[] sourceOffsets;
  private final int[] sequenceNumbers;
  // What is left of each, as it shrinks while segments leave; -1 when the request was bad.
  private final long[] bytesLeft;
  private int head;
  private int size;

  InboundReads(int capacity) {
    this.capacity = capacity;
    sinkKeys = new int[capacity];
    sinkOffsets = new long[capacity];
    sourceKeys = new int[capacity];
    sourceOffsets = new long[capacity];
    sequenceNumbers = new int[capacity];
    bytesLeft = new long[capacity];
  }

  int size() {
    return size;
  }

  boolean isFull() {
    return size == capacity;
  }

  void add(
      int sinkKey, long sinkOffset, long bytes, int sourceKey, long sourceOffset, int sequence) {
    int slot = (head + size) % capacity;
    sinkKeys[slot] = sinkKey;
    sinkOffsets[slot] = sinkOffset;
    sourceKeys[slot] = sourceKey;
    sourceOffsets[slot] = sourceOffset;
    bytesLeft[slot] = bytes;
    sequenceNumbers[slot] = sequence;
    size++;
  }

  int sinkKey() {
    return sinkKeys[head];
  }

  long sinkOffset() {
    return sinkOffsets[head];
  }

  int sourceKey() {
    return sourceKeys[head];
  }

  long sourceOffset() {
    return sourceOffsets[head];
  }

  int sequenceNumber() {
    return sequenceNumbers[head];
  }

  long bytesLeft() {
    return bytesLeft[head];
  }

  /** So many octets of the oldest have been sent. */
  void sent(long bytes) {
    sinkOffsets[head] += bytes;
    sourceOffsets[head] += bytes;
    bytesLeft[head] -= bytes;
  }

  void removeOldest() {
    head = head + 1 == capacity ? 0 : head + 1;
    size--;
  }

  void clear() {
    size = 0;
  }
}
