package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvSendWR;
import com.ibm.disni.verbs.IbvSge;
import com.ibm.disni.verbs.SVCPostSend;
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
    SEND(IbvSendWR.IBV_WR_SEND);

    private final int opcode;

    Operation(int opcode) {
      this.opcode = opcode;
    }
  }

  /** A work request in native memory, and what may be changed of it; without buffer null there. */
  private record Request(
      SVCPostSend call,
      SVCPostSend.SendWRMod fields,
      SVCPostSend.RdmaMod target,
      SVCPostSend.SgeMod buffer) {}

  private final Map<Operation, Request> withBuffer = new EnumMap<>(Operation.class);
  private final Map<Operation, Request> withoutBuffer = new EnumMap<>(Operation.class);

  SendCalls(IbvQP pair) throws IOException {
    for (Operation operation : Operation.values()) {
      withBuffer.put(operation, make(pair, operation, true));
      withoutBuffer.put(operation, make(pair, operation, false));
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

  /**
   * Posts one work request.
   *
   * @param bytes of the local buffer; 0 for none
   * @param signalled whether its end is to be told when it succeeds, too
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
