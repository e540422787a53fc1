package io.selkie.test.simulation;

import static io.selkie.test.simulation.SimWorld.SECOND;

import com.codahale.metrics.Counter;
import io.selkie.layout.LayoutEvents;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.layout.RecallCause;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.LeaseType;
import io.selkie.server.metrics.Metric;
import io.selkie.server.metrics.ServerMetrics;
import io.selkie.test.simulation.SimRdma.Region;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * States the invariants, from outside: it knows the simulated kernel's files and the simulated
 * provider's regions, and believes nothing that the code under test says.
 */
final class Checker implements LayoutEvents {

  /** Said when an invariant does not hold. */
  static final class Violation extends AssertionError {
    private static final long serialVersionUID = 1L;

    Violation(String message) {
      super(message);
    }
  }

  /** A hole that a client was told of, and has not given back. */
  private record HeldHole(long clientId, int fromBlock, int toBlock) {}

  private final SimWorld world;
  private final long sealBudgetNanos;
  private final Map<Integer, List<Region>> regionsByInode = new LinkedHashMap<>();
  private final Map<Integer, List<HeldHole>> holesByInode = new LinkedHashMap<>();
  private final Map<FileIdentity, Long> breakingSince = new LinkedHashMap<>();
  private final Map<FileIdentity, SimInode> inodes = new LinkedHashMap<>();
  final Map<Step, Integer> seen = new EnumMap<>(Step.class);

  /** Reasons of refusals, without their numbers. */
  final Map<String, Integer> refusals = new TreeMap<>();

  final Map<RecallCause, Integer> causes = new EnumMap<>(RecallCause.class);

  /** Clients with a read-write LAYOUTGET under way: they may fill what they hold as holes. */
  final List<Long> writersUnderWay = new ArrayList<>();

  /** Clients that return at once whatever is recalled: they must never be fenced for it. */
  final Set<Long> honest = new HashSet<>();

  /** The client whose WRITE the server is performing; 0 for none. */
  long writingClient;

  /** Told of delegations that were taken by force. */
  Consumer<Event> onRevoked = event -> {};

  /** What the server would show: its gauges must be right whatever happens. */
  private final ServerMetrics metrics = new ServerMetrics();

  private final Map<String, Counter> gauges =
      Map.of(
          "seals", metrics.counter(Metric.SEALS),
          "registered bytes", metrics.counter(Metric.REGISTERED_BYTES));

  long landed;

  /** Blocks that other files have too, and that clients may read where they are. */
  long sharedRegistered;

  boolean auditDifferenceExpected;

  Checker(SimWorld world, long recallTimeoutNanos, long fenceBudgetNanos) {
    this.world = world;
    this.sealBudgetNanos = recallTimeoutNanos + fenceBudgetNanos + SECOND;
  }

  void add(SimInode inode) {
    inodes.put(inode.identity, inode);
    regionsByInode.put(inode.index, new ArrayList<>());
    holesByInode.put(inode.index, new ArrayList<>());
  }

  Violation violation(String what) {
    return new Violation(
        "seed "
            + world.seed
            + ", step "
            + world.steps()
            + ": "
            + what
            + "\nReproduce with -Dselkie.sim.seed="
            + world.seed
            + "\nThe last events:\n"
            + world.lastEvents());
  }

  // ---------------------------------------------------------------- S1 and S2

  void registered(Region region) {
    world.log("registered", region, null);
    if (region.inode.lease == LeaseType.NONE) {
      throw violation("S1: registered without a lease: " + region);
    }
    for (int i = 0; i < region.places.length; i++) {
      int block = (int) (region.offset / SimInode.BLOCK) + i;
      if (region.places[i] == 0) {
        throw violation("S2: registered a hole, block " + block + ": " + region);
      }
      if (region.inode.dax && region.inode.isUnwritten(block)) {
        throw violation("S2: registered unwritten storage, block " + block + ": " + region);
      }
      if (region.inode.dax && region.inode.isShared(block)) {
        if (region.isWritable()) {
          throw violation("S2: registered shared blocks for writing, " + block + ": " + region);
        }
        sharedRegistered++;
      }
    }
    if (region.offset + region.length > region.inode.size) {
      throw violation("S2: registered past the end of file: " + region);
    }
    regionsByInode.get(region.inode.index).add(region);
  }

  void died(Region region) {
    world.log("dead", region, null);
    regionsByInode.get(region.inode.index).remove(region);
  }

  /** A byte of a remote access lands. */
  void lands(Region region, boolean write) {
    landed++;
    if (region.saidDead) {
      throw violation("S3: lands after the invalidation was complete: " + region);
    }
    if (region.inode.lease == LeaseType.NONE) {
      throw violation("S1: lands without a seal: " + region);
    }
    long[] now = region.inode.places(region.offset, region.length);
    boolean same =
        region.inode.dax
            ? Arrays.equals(now, region.places)
            : Arrays.stream(now).noneMatch(place -> place == 0);
    if (!same && !auditDifferenceExpected) {
      throw violation("S2: lands on a block map that was not granted: " + region);
    }
    if (write && !region.isWritable()) {
      throw violation("a write lands through a key for reading: " + region);
    }
  }

  /** The block map of a file is about to change, whoever does it. */
  void mapChanges(SimInode inode, int fromBlock, int toBlock, String how) {
    if (auditDifferenceExpected) {
      return;
    }
    for (Region region : regionsByInode.get(inode.index)) {
      if (region.overlaps(fromBlock, toBlock)) {
        throw violation(
            "S1: somebody " + how + " blocks " + fromBlock + ".." + toBlock + " under " + region);
      }
    }
  }

  boolean hasHandles(SimInode inode) {
    return !regionsByInode.get(inode.index).isEmpty();
  }

  void unmapped(SimInode inode, long address, long length) {
    for (Region region : regionsByInode.get(inode.index)) {
      if (region.address < address + length && address < region.address + region.length) {
        throw violation("S1: unmapped under " + region);
      }
    }
  }

  void leaseGivenUp(SimInode inode) {
    List<Region> live = regionsByInode.get(inode.index);
    if (!live.isEmpty()) {
      throw violation("S1: the lease is given up under " + live);
    }
  }

  // ---------------------------------------------------------------- S4

  Violation leaseForced(SimInode inode) {
    return violation(
        "S4: the kernel took the lease of " + inode + ", live: " + regionsByInode.get(inode.index));
  }

  @Override
  public void on(Event event) {
    world.log(
        event.step().name(),
        event.path() + " client " + event.clientId() + " recall " + event.recallId(),
        event.detail());
    seen.merge(event.step(), 1, Integer::sum);
    if (event.step() == Step.REFUSED) {
      refusals.merge(event.detail().replaceAll("-?[0-9]+", "#"), 1, Integer::sum);
    }
    metrics.on(event);
    gauges.forEach((name, gauge) -> {
      if (gauge.getCount() < 0) {
        throw violation("the gauge of " + name + " shows " + gauge.getCount());
      }
    });
    switch (event.step()) {
      case BREAK_SEEN -> breakingSince.putIfAbsent(event.file(), event.atNanos());
      case SEAL_RELEASED -> breakingSince.remove(event.file());
      case RECALL_SENT -> causes.merge(event.cause(), 1, Integer::sum);
      case FENCE_BEGUN -> fenced(event);
      case DELEGATION_REVOKED -> onRevoked.accept(event);
      case AUDIT_DIFFERENCE -> {
        if (!auditDifferenceExpected) {
          throw violation("S2: the auditor says that " + event.path() + " is not as granted");
        }
      }
      default -> {}
    }
  }

  private void fenced(Event event) {
    boolean recalled =
        event.cause() != RecallCause.CLIENT_EXPIRED
            && event.cause() != RecallCause.CLIENT_DESTROYED
            && event.cause() != RecallCause.AUDIT_DIFFERENCE;
    if (recalled && honest.contains(event.clientId())) {
      throw violation(
          "client " + event.clientId() + " answers every recall, and is fenced: " + event);
    }
    holesEnded(inodes.get(event.file()), event.clientId());
  }

  /** Now and then: whatever has a deadline must have kept it. */
  void checkDeadlines() {
    breakingSince.forEach((file, since) -> {
      SimInode inode = inodes.get(file);
      if (inode.lease == LeaseType.NONE) {
        return;
      }
      if (world.nanoTime() - since > sealBudgetNanos) {
        throw violation("the recall of " + inode + " has not ended by its deadline");
      }
    });
  }

  /** A change for which there must be no handle of anybody, or of anybody else. */
  void mustHaveNoHandles(SimInode inode, long exceptClientId, String why) {
    for (Region region : regionsByInode.get(inode.index)) {
      if (region.domain.clientId() != exceptClientId) {
        throw violation(why + " goes on under " + region);
      }
    }
  }

  /** At the end nobody holds anything. */
  void mustBeEmpty() {
    gauges.forEach((name, gauge) -> {
      if (gauge.getCount() != 0) {
        throw violation("at the end the gauge of " + name + " shows " + gauge.getCount());
      }
    });
    regionsByInode.forEach((index, regions) -> {
      if (!regions.isEmpty()) {
        throw violation("handles are left on file " + index + ": " + regions);
      }
    });
    for (SimInode inode : inodes.values()) {
      if (inode.lease != LeaseType.NONE || inode.mappings != 0 || inode.retained != 0) {
        throw violation(
            "left behind on "
                + inode
                + ": lease "
                + inode.lease
                + ", mappings "
                + inode.mappings
                + ", retained "
                + inode.retained);
      }
    }
  }

  // ---------------------------------------------------------------- holes

  /** A client was told that a range is a hole. */
  void holeTold(SimInode inode, long clientId, long offset, long length) {
    int from = (int) (offset / SimInode.BLOCK);
    int to = SimInode.endBlock(offset + length);
    for (int block = from; block < to; block++) {
      if (!inode.isHole(block) && !(inode.dax && inode.isUnwritten(block))) {
        throw violation(
            "client " + clientId + " was told of a hole in " + inode + " at block " + block);
      }
    }
    holesByInode.get(inode.index).add(new HeldHole(clientId, from, to));
  }

  /** The client has given a range back. */
  void holesReturned(SimInode inode, long clientId, long offset, long end) {
    holesByInode
        .get(inode.index)
        .removeIf(hole ->
            hole.clientId == clientId
                && (long) hole.fromBlock * SimInode.BLOCK < end
                && offset < (long) hole.toBlock * SimInode.BLOCK);
  }

  /** The client has given everything back, or lost it. */
  void holesEnded(SimInode inode, long clientId) {
    holesByInode.get(inode.index).removeIf(hole -> hole.clientId == clientId);
  }

  void holeFilled(SimInode inode, int block) {
    for (HeldHole hole : holesByInode.get(inode.index)) {
      boolean own = hole.clientId == writingClient || writersUnderWay.contains(hole.clientId);
      if (hole.fromBlock <= block && block < hole.toBlock && !own) {
        throw violation(
            "block "
                + block
                + " of "
                + inode
                + " is filled, but client "
                + hole.clientId
                + " holds it as a hole");
      }
    }
  }
}
