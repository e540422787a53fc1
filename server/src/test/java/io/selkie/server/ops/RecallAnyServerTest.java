package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.server.ops.CallbackInbox.Any;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a whole server asks its clients by CB_RECALL_ANY (RFC 8881 section 20.6) when there are
 * many layouts, many delegations, or little memory. Method: small limits, and a threshold of the
 * heap that any collection exceeds.
 */
@Timeout(120)
class RecallAnyServerTest {

  private static final int MANY = 10;
  private static final int FOUR_FIFTHS = 8;
  private static final int THREE_FIFTHS = 6;

  /** RCA4_TYPE_MASK_OTHER_LAYOUT_MIN. */
  private static final int OTHER_LAYOUTS = 12;

  private static ServerFixture server(String layout, String delegations) throws IOException {
    return new ServerFixture(
        new LinuxKernel(), "", delegations, "recallTimeoutMillis: 500, " + layout, "");
  }

  private static void takeLayouts(ServerFixture server, FileCalls client, int from, int to)
      throws IOException {
    byte[] root = client.handleOf("data");
    for (int i = from; i < to; i++) {
      Files.write(server.export().resolve("f" + i), new byte[4096]);
      Opened opened = client.open(root, "f" + i, BOTH, DENY_NONE);
      IsolationFixture.layout(client, opened);
    }
  }

  @Test
  void manyLayoutsAreAskedBack() throws Exception {
    String few = "maxLayouts: %d, maxLayoutsPerClient: %d".formatted(MANY, MANY);
    try (ServerFixture server = server(few, "{enabled: false}")) {
      FileCalls client = server.client("holder");
      CallbackInbox inbox = CallbackInbox.of(client);
      takeLayouts(server, client, 0, FOUR_FIFTHS);
      assertThat(inbox.nextAny()).isEqualTo(new Any(THREE_FIFTHS, Bitmap4.of(OTHER_LAYOUTS)));
    }
  }

  @Test
  void manyDelegationsAreAskedBack() throws Exception {
    String few =
        "{contentionMillis: 0, maxDelegations: %d, maxDelegationsPerClient: %d}"
            .formatted(MANY, MANY);
    try (ServerFixture server = server("maxLayouts: 50000", few)) {
      FileCalls client = server.client("holder");
      DelegationPeer holder = new DelegationPeer(client);
      CallbackInbox inbox = CallbackInbox.of(client);
      byte[] root = client.handleOf("data");
      for (int i = 0; i < FOUR_FIFTHS; i++) {
        Files.write(server.export().resolve("f" + i), new byte[1]);
        assertThat(holder.open(root, "f" + i, BOTH).type())
            .isEqualTo(OpenConst4.OPEN_DELEGATE_WRITE);
      }
      assertThat(inbox.nextAny()).isEqualTo(new Any(THREE_FIFTHS, Bitmap4.of(0, 1)));
    }
  }

  @Test
  void littleMemoryIsAReasonHoweverMuchRoomThereIsByNumber() throws Exception {
    int held = 110;
    Map<MemoryPoolMXBean, Long> thresholds = new LinkedHashMap<>();
    ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(MemoryPoolMXBean::isCollectionUsageThresholdSupported)
        .forEach(pool -> thresholds.put(pool, pool.getCollectionUsageThreshold()));
    try (ServerFixture server = server("maxLayouts: 50000", "{enabled: false}")) {
      FileCalls client = server.client("holder");
      CallbackInbox inbox = CallbackInbox.of(client);
      takeLayouts(server, client, 0, held);
      // By number there is room for many more: that it asks, and for how much, is for the memory.
      for (int i = 0; i < 20 && !inbox.hasAny(); i++) {
        thresholds.keySet().forEach(pool -> pool.setCollectionUsageThreshold(1));
        System.gc();
      }
      assertThat(inbox.nextAny()).isEqualTo(new Any(held / 5 * 3, Bitmap4.of(OTHER_LAYOUTS)));
    } finally {
      thresholds.forEach(MemoryPoolMXBean::setCollectionUsageThreshold);
    }
  }
}
