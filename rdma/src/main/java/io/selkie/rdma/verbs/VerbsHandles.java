package io.selkie.rdma.verbs;

import com.ibm.disni.verbs.IbvCQ;
import com.ibm.disni.verbs.IbvCompChannel;
import com.ibm.disni.verbs.IbvContext;
import com.ibm.disni.verbs.IbvQP;
import com.ibm.disni.verbs.IbvQPInitAttr;
import com.ibm.disni.verbs.IbvWC;
import com.ibm.disni.verbs.RdmaCmId;
import com.ibm.disni.verbs.SVCPollCq;
import com.ibm.disni.verbs.SVCReqNotify;
import com.ibm.disni.verbs.impl.NatIbvCompChannel;
import com.ibm.disni.verbs.impl.NatIbvPd;
import com.ibm.disni.verbs.impl.NatIbvQP;
import java.io.IOException;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a queue pair has of the device: the pair itself, its completion queues, its buffers. Made
 * whole or not at all; ended by {@link #destroyPair} and then {@link #close}.
 *
 * <p>{@link #pollLock} guards what is polled of the send queue, {@link #receiveLock} what is polled
 * of the receive queue; the owner guards the pair.
 */
final class VerbsHandles {

  /** Takes completions of the send queue. */
  @FunctionalInterface
  interface Sink {
    void onCompletion(long work, int status);
  }

  private static final Logger LOG = LoggerFactory.getLogger(VerbsHandles.class);
  private static final byte RELIABLE_CONNECTION = 2;
  private static final int POLLED_AT_ONCE = 16;

  private final VerbsLoop loop;
  private final int depth;
  private final int workRequests;
  private final boolean passive;
  private final IbvWC[] completions = new IbvWC[POLLED_AT_ONCE];
  private final ReentrantLock pollLock = new ReentrantLock();
  private final ReentrantLock receiveLock = new ReentrantLock();
  private IbvCompChannel channel;
  private long channelAddress;
  private IbvCQ sendQueue;
  private ReceiveQueue receives;
  private IbvQP pair;
  private SendCalls sends;
  private SVCPollCq poll;
  private SVCReqNotify arm;
  private Waker waker;
  private volatile boolean open;

  private VerbsHandles(VerbsLoop loop, int depth, boolean passive) {
    this.loop = loop;
    this.depth = depth;
    this.passive = passive;
    // Each request may have a READ behind it that confirms it; some may be of several parts.
    int wanted = 2 * depth + 8;
    workRequests = Math.min(wanted, loop.device().maxWorkRequests());
  }

  /**
   * Makes a queue pair for a connection in set-up.
   *
   * @param depth requests outstanding at most
   */
  static VerbsHandles make(
      VerbsProvider provider, VerbsDomain domain, RdmaCmId id, int depth, boolean passive)
      throws IOException {
    VerbsHandles made = new VerbsHandles(provider.loop(), depth, passive);
    boolean done = false;
    try {
      made.build(provider.config(), (NatIbvPd) domain.handle(), id);
      done = true;
      return made;
    } finally {
      if (!done) {
        if (made.pair != null) {
          made.destroyPair(id);
        }
        made.close();
      }
    }
  }

  private void build(VerbsConfig config, NatIbvPd domain, RdmaCmId id) throws IOException {
    open = true;
    IbvContext context = loop.device().context();
    channel = context.createCompChannel();
    channelAddress = ((NatIbvCompChannel) channel).getObjId();
    waker = new Waker(NativeVerbs.completionChannelFd(channelAddress));
    sendQueue = context.createCQ(channel, workRequests + 1, 0);
    receives = new ReceiveQueue(loop.device(), domain, passive ? loop.receives() : channel, config);
    IbvQPInitAttr wanted = new IbvQPInitAttr();
    wanted.setQp_type(RELIABLE_CONNECTION);
    wanted.setSend_cq(sendQueue);
    wanted.setRecv_cq(receives.queue());
    wanted.cap().setMax_send_wr(workRequests);
    wanted.cap().setMax_recv_wr(receives.slots());
    pair = id.createQP(domain, wanted);
    for (int i = 0; i < completions.length; i++) {
      completions[i] = new IbvWC();
    }
    poll = sendQueue.poll(completions, POLLED_AT_ONCE);
    arm = sendQueue.reqNotification(false);
    sends = new SendCalls(pair, loop.device().iwarp());
    receives.start(pair);
  }

  int depth() {
    return depth;
  }

  int workRequests() {
    return workRequests;
  }

  boolean isOpen() {
    return open;
  }

  ReentrantLock pollLock() {
    return pollLock;
  }

  ReentrantLock receiveLock() {
    return receiveLock;
  }

  Waker waker() {
    return waker;
  }

  SendCalls sends() {
    return sends;
  }

  ReceiveQueue receives() {
    return receives;
  }

  long pairAddress() {
    return ((NatIbvQP) pair).getObjId();
  }

  /**
   * Posts the READ that confirms a WRITE: its answer comes after that is placed. An empty one needs
   * no right and no key. Software iWARP answers an empty READ with what an earlier one asked for,
   * when it has several to answer: there it is of one octet, unless nothing was written.
   *
   * @param written whether the WRITE was not empty
   */
  void confirm(long work, boolean written, long remoteAddress, int remoteKey) throws IOException {
    boolean octet = written && loop.device().softIwarp();
    sends.post(
        SendCalls.Operation.READ,
        work,
        true,
        receives.spareOctet(),
        octet ? 1 : 0,
        receives.localKey(),
        remoteAddress,
        remoteKey);
  }

  /** From now on the device takes no request of either side. */
  void breakNow() {
    try {
      NativeVerbs.toError(pairAddress());
    } catch (VerbsException e) {
      // One that never came up has no way there; it is destroyed in a moment.
      LOG.debug("a queue pair cannot be broken: {}", e.getMessage());
    }
  }

  /** Takes what the device says of the send queue; under {@link #pollLock}. */
  void pollSends(Sink sink) throws IOException {
    int taken;
    do {
      taken = poll.execute().getPolls();
      for (int i = 0; i < taken; i++) {
        sink.onCompletion(completions[i].getWr_id(), completions[i].getStatus());
      }
    } while (taken == POLLED_AT_ONCE);
  }

  /** Asks for events when there is something; by the thread that is about to wait. */
  void arm() throws IOException {
    arm.execute();
    if (!passive) {
      receives.arm();
    }
  }

  /** Takes the events that the wait ended with. */
  void takeEvents() throws VerbsException {
    while (NativeVerbs.nextCompletionEvent(channelAddress) != 0) {
      // Each is acknowledged; what it is for is polled anyway.
    }
  }

  /** Ends the pair; when this returns, no access through it is in flight. */
  void destroyPair(RdmaCmId id) throws IOException {
    id.destroyQP();
  }

  /** Ends everything else. Nobody waits any more. */
  void close() throws IOException {
    pollLock.lock();
    receiveLock.lock();
    try {
      if (!open) {
        return;
      }
      open = false;
      if (sends != null) {
        sends.free();
      }
      if (receives != null) {
        loop.forget(receives.queue());
        receives.close();
      }
      if (poll != null) {
        poll.free();
      }
      if (sendQueue != null) {
        sendQueue.destroyCQ();
      }
      if (channel != null) {
        channel.destroyCompChannel();
      }
      if (waker != null) {
        waker.close();
      }
    } finally {
      receiveLock.unlock();
      pollLock.unlock();
    }
  }
}
