package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.IbvCQ;
import com.ibm.disni.verbs.IbvCompChannel;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvRecvWR;
import com.ibm.disni.verbs.IbvSge;
import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.SVCPollCq;
import com.ibm.disni.verbs.SVCPostRecv;
import com.ibm.disni.verbs.SVCReqNotify;
import com.ibm.disni.verbs.impl.NatIbvPd;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedList;
import java.util.List;

/**
 * The receive buffers of a queue pair. Each is with the device, or holds a message that was not
 * handed on yet; so what a peer can make us hold is bounded. For use by one thread at a time.
 */
final class ReceiveQueue {

  /**
   * A message that arrived.
   *
   * @param slot its buffer, to be given back by {@link ReceiveQueue#giveBack}
   * @param bytes copied out of the buffer
   * @param key that came with it, or 0
   */
  record Message(int slot, ByteBuffer bytes, int key) {}

  /** Takes what arrives. */
  interface Sink {
    void onMessage(Message message);

    /** A buffer came back without a message; what is left does too. */
    void onFailure(int status);
  }

  private static final int WITH_IMMEDIATE = 1 << 1;
  private static final int WITH_INVALIDATE = 1 << 3;
  private static final int POLLED_AT_ONCE = 8;

  private final IbvCQ queue;
  private final int slots;
  private final int slotBytes;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment memory;
  private final long region;
  private final SVCPostRecv[] posts;
  private final IbvWC[] completions = new IbvWC[POLLED_AT_ONCE];
  private final SVCPollCq poll;
  private final SVCReqNotify arm;

  ReceiveQueue(VerbsDevice device, NatIbvPd domain, IbvCompChannel channel, VerbsConfig config)
      throws IOException {
    slots = config.receiveBuffers();
    slotBytes = config.maxMessageBytes();
    posts = new SVCPostRecv[slots];
    memory = arena.allocate((long) slots * slotBytes + 1, 4096);
    region = register(domain);
    boolean made = false;
    try {
      queue = device.context().createCQ(channel, slots + 1, 0);
      made = true;
    } finally {
      if (!made) {
        freeMemory();
      }
    }
    for (int i = 0; i < completions.length; i++) {
      completions[i] = new IbvWC();
    }
    poll = queue.poll(completions, POLLED_AT_ONCE);
    arm = queue.reqNotification(false);
  }

  /** Registers the memory, or gives it back: where registration fails there is no more to undo. */
  private long register(NatIbvPd domain) throws IOException {
    boolean registered = false;
    try {
      long made =
          NativeVerbs.registerMemory(
              domain.getObjId(),
              memory.address(),
              memory.byteSize(),
              NativeVerbs.ACCESS_LOCAL_WRITE);
      registered = true;
      return made;
    } finally {
      if (!registered) {
        arena.close();
      }
    }
  }

  IbvCQ queue() {
    return queue;
  }

  int slots() {
    return slots;
  }

  /** Address of an octet that nobody looks at, for READs; its key is {@link #localKey}. */
  long spareOctet() {
    return memory.address() + (long) slots * slotBytes;
  }

  int localKey() {
    return NativeVerbs.localKey(region);
  }

  /** Gives all buffers to the device; before the connection comes up. */
  @SuppressWarnings("JdkObsolete") // DiSNI wants linked lists
  void start(IbvQP pair) throws IOException {
    int localKey = localKey();
    for (int slot = 0; slot < slots; slot++) {
      IbvSge part = new IbvSge();
      part.setAddr(memory.address() + (long) slot * slotBytes);
      part.setLength(slotBytes);
      part.setLkey(localKey);
      LinkedList<IbvSge> parts = new LinkedList<>(List.of(part));
      IbvRecvWR request = new IbvRecvWR();
      request.setWr_id(slot);
      request.setSg_list(parts);
      request.setNum_sge(1);
      posts[slot] = pair.postRecv(List.of(request), null);
      giveBack(slot);
    }
    arm();
  }

  /** The device may fill this buffer again. */
  void giveBack(int slot) throws IOException {
    posts[slot].execute();
  }

  /** Asks for an event of the completion channel when the next message comes. */
  void arm() throws IOException {
    arm.execute();
  }

  /** Takes what is there; whether there was anything. */
  boolean poll(Sink sink) throws IOException {
    boolean any = false;
    for (int taken = poll.execute().getPolls(); taken > 0; taken = poll.execute().getPolls()) {
      any = true;
      for (int i = 0; i < taken; i++) {
        IbvWC completion = completions[i];
        if (completion.getStatus() == WorkCompletions.SUCCESS) {
          sink.onMessage(message(completion));
        } else {
          sink.onFailure(completion.getStatus());
        }
      }
    }
    return any;
  }

  private Message message(IbvWC completion) {
    int slot = (int) completion.getWr_id();
    ByteBuffer bytes =
        ByteBuffer.wrap(
                memory
                    .asSlice((long) slot * slotBytes, completion.getByte_len())
                    .toArray(ValueLayout.JAVA_BYTE))
            .asReadOnlyBuffer();
    if ((completion.getWc_flags() & WITH_INVALIDATE) != 0) {
      return new Message(slot, bytes, completion.getImm_data());
    }
    if ((completion.getWc_flags() & WITH_IMMEDIATE) != 0) {
      int key = completion.getImm_data();
      if (ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) {
        key = Integer.reverseBytes(key);
      }
      return new Message(slot, bytes, key);
    }
    return new Message(slot, bytes, 0);
  }

  /** After the queue pair is destroyed. */
  void close() throws IOException {
    poll.free();
    for (SVCPostRecv post : posts) {
      if (post != null) {
        post.free();
      }
    }
    queue.destroyCQ();
    freeMemory();
  }

  private void freeMemory() throws IOException {
    NativeVerbs.deregister(region);
    // Not before: the device may still write there while the region stands.
    arena.close();
  }
}
