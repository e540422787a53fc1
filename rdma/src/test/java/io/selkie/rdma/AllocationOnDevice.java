package io.selkie.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.QueuePair.PostResult;
import io.selkie.rdma.verbs.VerbsConfig;
import io.selkie.rdma.verbs.VerbsProvider;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: {@code verbs} allocates nothing for a request, from its post until its completion is
 * reaped, one at a time and several in flight.
 *
 * <p>Method: {@link PostedWork}, on the device of the address in system property {@code
 * selkie.verbs.address}. Not a test by its name. RDMA FLUSH, which few kernels have, is in {@link
 * OnDemandOnDevice}.
 */
@Timeout(600)
class AllocationOnDevice extends RdmaContractFixture {

  private static final int BYTES = 4096;
  private static final int IN_FLIGHT = 8;
  private static final int COUNT = 400;

  /** Of messages, which wait for the peer to have room. */
  private static final int FEW = 80;

  @Override
  protected RdmaProvider provider() throws Exception {
    return VerbsProvider.open(VerbsConfig.DEFAULTS.withAddress(address()));
  }

  @Override
  protected InetAddress address() throws Exception {
    return InetAddress.getByName(System.getProperty("selkie.verbs.address"));
  }

  private void assertNothingAllocated(Function<QueuePair, PostedWork.Operation> operation)
      throws Exception {
    assertNothingAllocated(operation, COUNT);
  }

  private void assertNothingAllocated(
      Function<QueuePair, PostedWork.Operation> operation, int count) throws Exception {
    try (QueuePair pair = connect(4 * IN_FLIGHT, IN_FLIGHT)) {
      PostedWork work = new PostedWork(pair, operation.apply(pair), count);
      assertThat(work.bytesEach(1)).as("one at a time").isLessThan(PostedWork.BYTES_MAX);
      assertThat(work.bytesEach(IN_FLIGHT)).as("in flight").isLessThan(PostedWork.BYTES_MAX);
    }
  }

  @Test
  void readsAllocateNothing() throws Exception {
    MemorySegment to = local.asSlice(0, BYTES);
    int key = remoteRegion.key();
    long from = remoteRegion.remoteAddress();
    assertNothingAllocated(pair -> () -> pair.postRead(localRegion, to, key, from, 1));
  }

  @Test
  void writesAllocateNothing() throws Exception {
    MemorySegment from = local.asSlice(0, BYTES);
    int key = remoteRegion.key();
    long to = remoteRegion.remoteAddress();
    assertNothingAllocated(pair -> () -> pair.postWrite(localRegion, from, key, to, 2));
  }

  @Test
  void confirmedWritesAllocateNothing() throws Exception {
    MemorySegment from = local.asSlice(0, BYTES);
    int key = remoteRegion.key();
    long to = remoteRegion.remoteAddress();
    assertNothingAllocated(pair -> () -> pair.postWriteAndConfirm(localRegion, from, key, to, 3));
  }

  @Test
  void messagesAllocateNothing() throws Exception {
    MemorySegment from = local.asSlice(0, 64);
    assertNothingAllocated(pair -> () -> pair.postSend(localRegion, from, 4), FEW);
  }

  /** Who allocates is found out: else all of the above would say nothing. */
  @Test
  void whatAllocatesIsSeen() throws Exception {
    int key = remoteRegion.key();
    long from = remoteRegion.remoteAddress();
    try (QueuePair pair = connect(4 * IN_FLIGHT, IN_FLIGHT)) {
      PostedWork.Operation wasteful =
          () -> {
            // A slice for each.
            PostResult posted = pair.postRead(localRegion, local.asSlice(0, BYTES), key, from, 5);
            return posted;
          };
      assertThat(new PostedWork(pair, wasteful, COUNT).bytesEach(1))
          .isGreaterThan(PostedWork.BYTES_MAX);
    }
  }
}
