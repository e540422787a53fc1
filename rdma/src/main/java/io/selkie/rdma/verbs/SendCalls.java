package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvSendWR;
import com.ibm.disni.verbs.IbvSge;
import com.ibm.disni.verbs.SVCPostSend;
import com.ibm.disni.verbs.impl.NatIbvQP;
import java.io.IOException;
import java.util.EnumMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;

/**
 * The work requests of a queue pair, built once in native memory by DiSNI: one for each operation,
 * with a buffer and without. Posting changes their fields and hands them to the device, so nothing
 * is allocated. For use by one thread at a time.
 */
final class SendCalls {

  /** What a work request does. */
  enum Operation {
    READ(IbvSendWR.IBV_WR_RDMA_READ),
    WRITE(IbvSendWR.IBV_WR_RDMA_WRITE),
    SEND(IbvSendWR.IBV_WR_SEND),
    /** Send that takes the remote key back. */
    SEND_WITH_KEY(Operation.NOT_OF_DISNI),
    /** Makes what was written durable. */
    FLUSH_TO_STORAGE(Operation.NOT_OF_DISNI),
    /** Makes what was written visible to all at the peer. */
    FLUSH_TO_MEMORY(Operation.NOT_OF_DISNI);

    private static final int NOT_OF_DISNI = -1;

    private final int opcode;

    Operation(int opcode) {
      this.opcode = opcode;
    }

    /** Whether the length is that of a local buffer. */
    boolean hasBuffer() {
      return this != FLUSH_TO_STORAGE && this != FLUSH_TO_MEMORY;
    }
  }

  /** A work request in native memory, and what may be changed of it; without buffer null there. */
  private record Request(
      SVCPostSend call,
      SVCPostSend.SendWRMod fields,
      SVCPostSend.RdmaMod target,
      SVCPostSend.SgeMod buffer) {}

  private static final long FLUSH_BYTES_MAX = (1L << 32) - 1;

  private final Map<Operation, Request> withBuffer = new EnumMap<>(Operation.class);
  private final Map<Operation, Request> withoutBuffer = new EnumMap<>(Operation.class);

  private final long pairAddress;
  private final boolean devicesTakeKeys;
  private final boolean canFlush;

  /**
   * The work requests of a queue pair.
   *
   * @param devicesTakeKeys whether the device at the other end takes keys back
   */
  SendCalls(IbvQP pair, boolean devicesTakeKeys) throws IOException {
    pairAddress = ((NatIbvQP) pair).getObjId();
    this.devicesTakeKeys = devicesTakeKeys;
    canFlush = NativeVerbs.canFlush(pairAddress);
    for (Operation operation : Operation.values()) {
      if (operation.opcode != Operation.NOT_OF_DISNI) {
        withBuffer.put(operation, make(pair, operation, true));
        withoutBuffer.put(operation, make(pair, operation, false));
      }
    }
  }

  @SuppressWarnings("JdkObsolete") // DiSNI wants linked lists
  private static Request make(IbvQP pair, Operation operation, boolean buffer) throws IOException {
    IbvSendWR request = new IbvSendWR();
    LinkedList<IbvSge> parts = new LinkedList<>();
    if (buffer) {
      parts.add(new IbvSge());
    }
    request.setSg_list(parts);
    request.setNum_sge(parts.size());
    request.setOpcode(operation.opcode);
    SVCPostSend call = pair.postSend(List.of(request), null);
    SVCPostSend.SendWRMod fields = call.getWrMod(0);
    return new Request(call, fields, fields.getRdmaMod(), buffer ? fields.getSgeMod(0) : null);
  }

  /** Whether the queue pair was made with RDMA FLUSH: its library may know less than the device. */
  boolean canFlush() {
    return canFlush;
  }

  /**
   * The operation that flushes so many octets.
   *
   * @throws UnsupportedOperationException when the queue pair has none
   */
  Operation flush(VerbsProvider provider, long bytes, boolean persistent) {
    // Posted all the same, it would end the queue pair.
    if (!canFlush) {
      throw new UnsupportedOperationException(
          provider.device().flush()
              ? "RDMA FLUSH is known to device %s, but not to its library: update rdma-core"
                  .formatted(provider.device().name())
              : provider.noFlush());
    }
    if (bytes < 1 || bytes > FLUSH_BYTES_MAX) {
      throw new IllegalArgumentException(
          "a flush of %d octets; 1 to %d are allowed".formatted(bytes, FLUSH_BYTES_MAX));
    }
    return persistent ? Operation.FLUSH_TO_STORAGE : Operation.FLUSH_TO_MEMORY;
  }

  /**
   * Posts one work request.
   *
   * @param bytes of the local buffer, 0 for none; of a flush, of the range (unsigned)
   * @param signalled whether its end is to be told when it succeeds, too; always of those that
   *     DiSNI does not know
   */
  void post(
      Operation operation,
      long work,
      boolean signalled,
      long address,
      int bytes,
      int localKey,
      long remoteAddress,
      int remoteKey)
      throws IOException {
    switch (operation) {
      case READ, WRITE, SEND ->
          postByDisni(
              operation, work, signalled, address, bytes, localKey, remoteAddress, remoteKey);
      case SEND_WITH_KEY ->
          NativeVerbs.postSendWithKey(
              pairAddress, work, address, bytes, localKey, remoteKey, devicesTakeKeys);
      case FLUSH_TO_STORAGE, FLUSH_TO_MEMORY ->
          NativeVerbs.postFlush(
              pairAddress,
              work,
              remoteKey,
              remoteAddress,
              Integer.toUnsignedLong(bytes),
              operation == Operation.FLUSH_TO_STORAGE);
    }
  }

  private void postByDisni(
      Operation operation,
      long work,
      boolean signalled,
      long address,
      int bytes,
      int localKey,
      long remoteAddress,
      int remoteKey)
      throws IOException {
    Request request = bytes > 0 ? withBuffer.get(operation) : withoutBuffer.get(operation);
    if (bytes > 0) {
      SVCPostSend.SgeMod buffer = request.buffer();
      buffer.setAddr(address);
      buffer.setLength(bytes);
      buffer.setLkey(localKey);
    }
    request.fields().setWr_id(work);
    request.fields().setSend_flags(signalled ? IbvSendWR.IBV_SEND_SIGNALED : 0);
    request.target().setRemote_addr(remoteAddress);
    request.target().setRkey(remoteKey);
    request.call().execute();
  }

  void free() {
    withBuffer.values().forEach(request -> request.call().free());
    withoutBuffer.values().forEach(request -> request.call().free());
  }
}
