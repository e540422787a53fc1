package io.selkie.test.simulation;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUT4_RDMA;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADIOMODE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BAD_STATEID;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELEG_REVOKED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_EXPIRED;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_SERVERFAULT;
import static io.selkie.test.simulation.SimInode.BLOCK;
import static io.selkie.test.simulation.SimInode.BLOCKS_MAX;
import static io.selkie.test.simulation.SimWorld.MICRO;
import static io.selkie.test.simulation.SimWorld.MILLI;
import static io.selkie.test.simulation.SimWorld.SECOND;

import io.selkie.layout.Arbiter;
import io.selkie.layout.CallbackChannel.LayoutRecall;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.layout.ChangePermit;
import io.selkie.layout.FileChange;
import io.selkie.layout.LayoutArbiter.LayoutCommitRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetRequest;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.layout.LayoutArbiter.LayoutReturnRequest;
import io.selkie.layout.LayoutArbiter.LayoutReturnResult;
import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.layout.rdma.RdmaDevices;
import io.selkie.layout.rdma.RdmaDomains;
import io.selkie.layout.rdma.RdmaLayoutType;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.LeaseDeadlines;
import io.selkie.lease.LeaseEvents;
import io.selkie.lease.LeaseRuntime;
import io.selkie.lease.LeaseSettings;
import io.selkie.lease.LeaseSignals;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.protocol.layout.rdma.RdmaLayout4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.xdr.XdrReader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/** One run: a server's arbiter and seals among simulated files, clients and other processes. */
final class Simulation {
  static final long RECALL_TIMEOUT = 10 * SECOND;
  static final long FENCE_BUDGET = 2 * SECOND;

  /** A delayed change that is retried must be allowed within this. */
  private static final long PATIENCE = 2 * (RECALL_TIMEOUT + FENCE_BUDGET) + 5 * SECOND;

  private static final Stateid4 OPEN_STATEID = new Stateid4(1, 42, 42);
  private static final int INODES = 6;
  private static final int CLIENTS = 5;
  private static final int LOCALS = 2;

  private record FixedSignals(int signal, int ownerThread) implements LeaseSignals {}

  final SimWorld world;
  final Checker checker;
  final Mutant mutant;
  private final List<SimInode> inodes = new ArrayList<>();
  private final Map<Long, SimClient> clients = new LinkedHashMap<>();
  final SimDelegations delegations;
  private final SimKernel kernel;
  private final SimRdma rdma;
  private final LeaseRuntime leases;
  private final Arbiter arbiter;
  private long lastClientId = 100;

  /** No faults, no other processes, no new work: what is under way must come to its end. */
  boolean calm;

  long changesAllowed;

  Simulation(long seed, Mutant mutant) {
    this.world = new SimWorld(seed);
    this.mutant = mutant;
    this.checker = new Checker(world, RECALL_TIMEOUT, FENCE_BUDGET);
    this.delegations = new SimDelegations(this);
    checker.onRevoked = delegations::revoked;
    this.kernel = new SimKernel(world, checker, inodes, mutant);
    for (int i = 0; i < INODES; i++) {
      SimInode inode = new SimInode(i, i % 2 == 0, i % 3 != 2);
      checker.add(inode);
      inodes.add(inode);
      fill(inode);
    }
    this.rdma =
        new SimRdma(world, kernel, checker, mutant == Mutant.INVALIDATION_COMPLETES_TOO_EARLY);
    Executor workers = task -> world.soon(MICRO, 500 * MICRO, task);
    this.leases =
        LeaseRuntime.simulated(
            new LeaseRuntime.Parts(
                kernel,
                world,
                world,
                workers,
                new LeaseDeadlines(
                    SimKernel.LEASE_BREAK_TIME, RECALL_TIMEOUT, FENCE_BUDGET, 2 * SECOND),
                new LeaseSettings(8, 64, 4, SECOND, 16, 1000, 3),
                new LeaseEvents() {}),
            new FixedSignals(40, 4711),
            (_, fd, range) -> kernel.convert(inodes.get(fd - 10), range));
    kernel.deliverSignalsTo(leases.keeper());
    kernel.setAdversary(this::meanwhile);
    RdmaDevices devices = new RdmaDevices(world.random);
    devices.add(Optional.of("192.0.2.1"), 20049);
    this.arbiter =
        new Arbiter(
            Mutants.sealer(mutant, leases.sealer(), kernel),
            this::recall,
            delegations,
            List.of(
                Mutants.layoutType(
                    mutant,
                    new RdmaLayoutType(new RdmaDomains(rdma), devices, 20L * BLOCK, BLOCK))),
            checker,
            world,
            Mutants.timers(mutant, world),
            workers,
            workers,
            world.random,
            SimPolicy.layouts(),
            SimPolicy.DELEGATIONS);
    delegations.attach(arbiter);
    for (int i = 0; i < CLIENTS; i++) {
      newClient();
    }
    for (int i = 0; i < LOCALS; i++) {
      world.soon(MILLI, 200 * MILLI, this::local);
    }
    world.schedule(100 * MILLI, this::watch);
    if (mutant == Mutant.MAP_CHANGES_UNDER_THE_SEAL) {
      moveUnderASeal();
    }
  }

  /** From here on the kernel breaks its word, and the auditor is expected to find out. */
  void kernelBreaksItsWord() {
    checker.auditDifferenceExpected = true;
    world.soon(SECOND, 5 * SECOND, this::moveUnderASeal);
  }

  private void fill(SimInode inode) {
    int blocks = 1 + world.random.nextInt(BLOCKS_MAX);
    for (int block = 0; block < blocks; block++) {
      if (world.chance(70)) {
        kernel.allocate(inode, block, world.chance(10) ? 0x800 : 0);
      }
    }
    inode.size = (long) blocks * BLOCK;
  }

  private void newClient() {
    lastClientId++;
    clients.values().removeIf(client -> client.forgotten);
    boolean honest = lastClientId % 3 == 0;
    SimClient client = new SimClient(this, lastClientId, honest);
    clients.put(lastClientId, client);
    delegations.newClient(client);
    if (honest) {
      checker.honest.add(lastClientId);
    }
  }

  private void watch() {
    checker.checkDeadlines();
    world.schedule(100 * MILLI, this::watch);
  }

  // ---------------------------------------------------------------- the run

  /** Runs so many steps with every fault, then sees whether all comes to its end. */
  void run(long steps) {
    while (world.steps() < steps) {
      world.step();
    }
    calm = true;
    runFor(90 * SECOND);
    for (SimInode inode : inodes) {
      mustComeThrough(inode);
    }
    clients.values().forEach(this::returnBulk);
    delegations.returnAll(clients.values());
    runFor(30 * SECOND);
    if (arbiter.delegations().delegationCount() != 0) {
      throw checker.violation(
          arbiter.delegations().delegationCount() + " delegations are left in the arbiter");
    }
    if (arbiter.layoutCount() != 0 || arbiter.fileCount() != 0) {
      throw checker.violation(
          "left in the arbiter: "
              + arbiter.layoutCount()
              + " layouts, "
              + arbiter.fileCount()
              + " files");
    }
    if (leases.keeper().size() != 0 || rdma.liveRegions() != 0) {
      throw checker.violation(
          "left: " + leases.keeper().size() + " leases, " + rdma.liveRegions() + " regions");
    }
    checker.mustBeEmpty();
    leases.close();
  }

  private void runFor(long nanos) {
    long until = world.nanoTime() + nanos;
    while (world.nanoTime() < until) {
      world.step();
    }
  }

  /** In calm weather a change, and after it a write layout, must be had in time. */
  private void mustComeThrough(SimInode inode) {
    SimClient client = clients.values().stream().filter(c -> !c.gone).findFirst().orElseThrow();
    long before = changesAllowed;
    change(client, inode, FileChange.SHRINK, 1, BLOCKS_MAX, 0);
    runFor(PATIENCE);
    if (changesAllowed == before) {
      throw checker.violation("a truncation of " + inode + " starves in calm weather");
    }
    boolean[] granted = new boolean[1];
    for (int i = 0; i < 20 && !granted[0] && inode.openForWriting && inode.size > 0; i++) {
      layoutGet(
          client,
          inode,
          null,
          LAYOUTIOMODE4_RW,
          0,
          -1,
          0,
          result -> granted[0] |= result instanceof LayoutGetResult.Granted);
      runFor(SECOND);
    }
    if (!granted[0] && inode.openForWriting && inode.size > 0) {
      throw checker.violation("a write layout of " + inode + " is not had in calm weather");
    }
  }

  // ---------------------------------------------------------------- other processes

  private void local() {
    if (calm) {
      return;
    }
    SimInode inode = anyInode();
    boolean forWriting = world.chance(60);
    kernel.open(inode, forWriting, () -> opened(inode, forWriting));
  }

  private void opened(SimInode inode, boolean forWriting) {
    delegations.localOpened(inode, forWriting);
    int from = world.random.nextInt(BLOCKS_MAX);
    int to = from + 1 + world.random.nextInt(BLOCKS_MAX - from);
    if (forWriting) {
      switch (world.random.nextInt(6)) {
        case 0 -> kernel.truncate(inode, from);
        case 1 -> kernel.free(inode, from, Math.min(to, inode.blocksInFile()));
        case 2, 3 -> kernel.write(inode, from, to);
        case 4 -> kernel.share(inode, from, to);
        default -> kernel.remap(inode, from, to);
      }
    }
    world.soon(
        100 * MICRO,
        20 * MILLI,
        () -> {
          kernel.close(inode, forWriting);
          world.soon(MILLI, 1500 * MILLI, this::local);
        });
  }

  /** Something happens to a file in the middle of a call on it. */
  private void meanwhile(SimInode inode) {
    if (calm) {
      return;
    }
    SimClient client = anyClient();
    int from = world.random.nextInt(BLOCKS_MAX - 4);
    switch (world.random.nextInt(4)) {
      case 0 -> {
        boolean forWriting = world.chance(60);
        kernel.open(
            inode,
            forWriting,
            () -> {
              delegations.localOpened(inode, forWriting);
              world.soon(0, 10 * MILLI, () -> kernel.close(inode, forWriting));
            });
      }
      case 1 -> change(client, inode, FileChange.WRITE, from, from + 4, 0);
      case 2 -> change(client, inode, FileChange.SHRINK, from, BLOCKS_MAX, 0);
      default -> client.get(inode, world.chance(50));
    }
  }

  private SimClient anyClient() {
    List<SimClient> all = clients.values().stream().filter(client -> !client.gone).toList();
    return all.isEmpty()
        ? clients.values().iterator().next()
        : all.get(world.random.nextInt(all.size()));
  }

  SimClient client(long id) {
    return clients.get(id);
  }

  SimInode anyInode() {
    return inodes.get(world.random.nextInt(inodes.size()));
  }

  SimInode inode(FileIdentity identity) {
    return inodes.get((int) (identity.inode() - 1000));
  }

  // ---------------------------------------------------------------- what clients ask for

  boolean access(SimClient client, int key, boolean write, int stuckPercent) {
    return rdma.access(client.id, key, write, stuckPercent);
  }

  void layoutGet(
      SimClient client,
      SimInode inode,
      Stateid4 layoutStateid,
      int ioMode,
      long offset,
      long length,
      long min,
      Consumer<LayoutGetResult> reply) {
    if (client.gone) {
      return;
    }
    Stateid4 stateid = layoutStateid == null ? OPEN_STATEID : layoutStateid;
    boolean readWrite = ioMode == LAYOUTIOMODE4_RW;
    if (readWrite) {
      checker.writersUnderWay.add(client.id);
    }
    arbiter
        .layoutGet(
            new LayoutGetRequest(
                client.id,
                "session",
                inode,
                stateid,
                arbiter.isLayoutStateid(stateid),
                true,
                true,
                LAYOUT4_RDMA,
                ioMode,
                offset,
                length,
                min,
                world.chance(5) ? 150 : 4096))
        .thenAccept(result -> {
          if (readWrite) {
            checker.writersUnderWay.remove(client.id);
          }
          answered(client, inode, result);
          reply.accept(result);
        })
        .exceptionally(failure -> {
          throw new IllegalStateException(failure);
        });
  }

  private void answered(SimClient client, SimInode inode, LayoutGetResult result) {
    switch (result) {
      case LayoutGetResult.Granted granted -> {
        for (RdmaExtent4 extent :
            RdmaLayout4.decode(new XdrReader(granted.content().duplicate())).extents()) {
          if (extent.state() == RdmaExtentState4.PNFS_RDMA_NONE_DATA && !client.gone) {
            checker.holeTold(inode, client.id, extent.fileOffset(), extent.length());
          }
        }
      }
      case LayoutGetResult.Refused refused -> {
        if (refused.status() == NFS4ERR_SERVERFAULT) {
          throw checker.violation("LAYOUTGET failed: " + refused.reason());
        }
      }
    }
  }

  void layoutReturn(
      SimClient client,
      SimInode inode,
      Stateid4 stateid,
      int ioMode,
      long offset,
      long length,
      Consumer<LayoutReturnResult> reply) {
    checker.holesReturned(inode, client.id, offset, length < 0 ? Long.MAX_VALUE : offset + length);
    arbiter
        .layoutReturn(
            new LayoutReturnRequest(
                client.id,
                inode.identity,
                stateid,
                LAYOUT4_RDMA,
                ioMode,
                offset,
                length,
                false,
                ByteBuffer.allocate(0)))
        .thenAccept(reply);
  }

  void returnBulk(SimClient client) {
    inodes.forEach(inode -> checker.holesEnded(inode, client.id));
    arbiter.layoutReturnBulk(client.id, LAYOUT4_RDMA, Optional.empty());
    // It goes file by file: what was granted in the middle of it went with the others.
    inodes.forEach(inode -> checker.holesEnded(inode, client.id));
  }

  void lastClose(SimClient client, SimInode inode) {
    checker.holesEnded(inode, client.id);
    arbiter.lastClose(client.id, inode.identity);
  }

  void layoutCommit(SimClient client, SimInode inode, Stateid4 stateid) {
    arbiter.layoutCommit(
        new LayoutCommitRequest(
            client.id, inode, stateid, LAYOUT4_RDMA, 0, -1, false, ByteBuffer.allocate(0)));
  }

  void testAndFree(SimClient client, Stateid4 stateid) {
    arbiter.testStateid(client.id, stateid);
    arbiter.freeStateid(client.id, stateid);
    arbiter.hasRevokedState(client.id);
  }

  void recallByHand(SimClient client, SimInode inode) {
    boolean one = world.chance(50);
    arbiter.recall(
        new RecallFilter(
            one ? OptionalLong.of(client.id) : OptionalLong.empty(),
            Optional.of(inode.identity),
            OptionalLong.empty()),
        RecallCause.ADMINISTRATIVE);
  }

  void channelUp(SimClient client) {
    arbiter.backChannelUp(client.id);
  }

  void clientGone(SimClient client) {
    inodes.forEach(inode -> checker.holesEnded(inode, client.id));
    client.forgotten = true;
    delegations.clientGone(client.id);
    arbiter.clientGone(
        client.id, world.chance(50) ? RecallCause.CLIENT_EXPIRED : RecallCause.CLIENT_DESTROYED);
    if (!calm) {
      newClient();
    }
  }

  void saidNoMatchingLayout(SimClient client) {
    inodes.forEach(inode -> checker.holesEnded(inode, client.id));
  }

  private void recall(LayoutRecall recall, RecallReply reply) {
    SimClient client = clients.get(recall.clientId());
    world.soon(
        10 * MICRO,
        500 * MICRO,
        () -> {
          if (client == null || client.gone) {
            reply.onReply(Outcome.LOST, 0);
          } else {
            client.recalled(recall, reply);
          }
        });
  }

  boolean isStateidError(int status) {
    return status == NFS4ERR_BAD_STATEID
        || status == NFS4ERR_DELEG_REVOKED
        || status == NFS4ERR_EXPIRED;
  }

  boolean isModeError(int status) {
    return status == NFS4ERR_BADIOMODE;
  }

  // ---------------------------------------------------------------- changes through the server

  void change(SimClient client, SimInode inode, FileChange change, int from, int to, long since) {
    if (client.gone) {
      return;
    }
    boolean changesBytes =
        switch (change) {
          case WRITE, SHRINK, PUNCH, REMAP -> true;
          default -> false;
        };
    if (changesBytes && !inode.openForWriting) {
      changesAllowed++;
      return;
    }
    boolean unasked =
        mutant == Mutant.CHANGES_ARE_NOT_ASKED_FOR
            || (mutant == Mutant.WRITES_ARE_NOT_ASKED_FOR && change == FileChange.WRITE);
    ChangePermit permit =
        unasked
            ? (ChangePermit.Granted) () -> {}
            : arbiter.beforeChange(inode.identity, change, range(from, to), client.id);
    switch (permit) {
      case ChangePermit.Granted granted -> {
        world.log("may " + change, inode, "client " + client.id);
        world.soon(
            MICRO,
            300 * MICRO,
            () -> {
              perform(client, inode, change, from, to);
              if (mutant != Mutant.PERMITS_ARE_NEVER_CLOSED) {
                granted.close();
              }
            });
      }
      case ChangePermit.Delay delay -> {
        world.log("delayed " + change, inode, delay.reason());
        long first = since == 0 ? world.nanoTime() : since;
        if (world.nanoTime() - first > PATIENCE) {
          throw checker.violation(change + " of " + inode + " starves: " + delay.reason());
        }
        world.soon(50 * MILLI, 300 * MILLI, () -> change(client, inode, change, from, to, first));
      }
    }
  }

  private static ByteRange range(int from, int to) {
    return new ByteRange((long) from * BLOCK, (long) (to - from) * BLOCK);
  }

  private void perform(SimClient client, SimInode inode, FileChange change, int from, int to) {
    changesAllowed++;
    delegations.performed(client.id, inode, change);
    switch (change) {
      case WRITE -> {
        checker.writingClient = client.id;
        kernel.write(inode, from, to);
        checker.writingClient = 0;
      }
      case SHRINK -> kernel.truncate(inode, from);
      case PUNCH -> kernel.free(inode, from, to);
      case REMAP -> kernel.remap(inode, from, to);
      case SHARE -> kernel.share(inode, from, to);
      case ACCESS_CHANGE -> checker.mustHaveNoHandles(inode, 0, "a change of mode");
      case CONFLICTING_OPEN -> checker.mustHaveNoHandles(inode, client.id, "a conflicting open");
      case READ, READ_STORED, OPEN_READ, OPEN_WRITE, METADATA -> {}
      case REOPEN -> {
        checker.mustHaveNoHandles(inode, 0, "opening anew");
        if (inode.retained > 0) {
          throw checker.violation("opening " + inode + " anew while its seal is held");
        }
        inode.openForWriting = true;
      }
    }
  }

  /** The kernel breaks its word: the map of a sealed file moves, unasked and unsaid. */
  private void moveUnderASeal() {
    for (SimInode inode : inodes) {
      if (inode.dax && checker.hasHandles(inode)) {
        world.log("moves under its seal", inode, null);
        for (int block = 0; block < BLOCKS_MAX; block++) {
          inode.physical[block] += inode.isHole(block) ? 0 : 1_000_001;
        }
        break;
      }
    }
    if (!calm) {
      world.soon(SECOND, 20 * SECOND, this::moveUnderASeal);
    }
  }
}
