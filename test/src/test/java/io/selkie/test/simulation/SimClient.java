package io.selkie.test.simulation;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOMATCHING_LAYOUT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static io.selkie.test.simulation.SimInode.BLOCK;
import static io.selkie.test.simulation.SimInode.BLOCKS_MAX;
import static io.selkie.test.simulation.SimWorld.MICRO;
import static io.selkie.test.simulation.SimWorld.MILLI;
import static io.selkie.test.simulation.SimWorld.SECOND;

import io.selkie.layout.CallbackChannel.LayoutRecall;
import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.layout.FileChange;
import io.selkie.layout.LayoutArbiter.LayoutGetResult;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.layout.rdma.RdmaExtentState4;
import io.selkie.protocol.layout.rdma.RdmaLayout4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.xdr.XdrReader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A client that does everything a client may do, and much that it may not: answers recalls at once,
 * late, in part, never, with a lie, returns twice, presents wrong seqids, keeps using keys that it
 * gave back, vanishes.
 */
final class SimClient {

  /** What it does about a recall. */
  private enum Manner {
    PROMPT,
    LATE,
    IN_PARTS,
    TWICE,
    WRONG_SEQID_FIRST,
    STUBBORN,
    LIES,
    DELAYS,
    STRANGE,
    LOST,
    NEVER,
    NO_CHANNEL
  }

  /** What it has of one file. */
  private static final class Holding {
    Stateid4 stateid;
    final List<RdmaExtent4> extents = new ArrayList<>();
  }

  private final Simulation sim;
  private final SimWorld world;
  private final boolean honest;
  final long id;
  boolean gone;

  /** The server knows that it is gone. */
  boolean forgotten;

  private boolean channelDown;
  private final Map<Integer, Holding> holdings = new LinkedHashMap<>();

  SimClient(Simulation sim, long id, boolean honest) {
    this.sim = sim;
    this.world = sim.world;
    this.id = id;
    this.honest = honest;
    world.soon(0, 5 * MILLI, this::act);
  }

  private Holding holding(SimInode inode) {
    return holdings.computeIfAbsent(inode.index, _ -> new Holding());
  }

  /** A request or an answer on the network. */
  private void network(Runnable task) {
    world.soon(10 * MICRO, 400 * MICRO, task);
  }

  private void act() {
    if (gone || sim.calm) {
      return;
    }
    SimInode inode = sim.anyInode();
    int dice = world.random.nextInt(1000);
    if (dice < 420) {
      access(inode);
    } else if (dice < 640) {
      get(inode, world.chance(40));
    } else if (dice < 760) {
      giveBack(inode);
    } else if (dice < 820) {
      network(() -> commit(inode));
    } else if (dice < 890) {
      change(inode);
    } else if (dice < 950) {
      network(() -> sim.lastClose(this, inode));
      holding(inode).stateid = null;
    } else if (dice < 960) {
      network(() -> sim.returnBulk(this));
      forgetAll();
    } else if (dice < 975) {
      freeStateid(inode);
    } else if (dice < 980) {
      network(() -> sim.recallByHand(this, inode));
    } else if (dice < 990) {
      sim.access(this, 1 + world.random.nextInt(2000), world.chance(50), 0);
    } else if (dice < 992 && !honest) {
      vanish();
      return;
    } else if (channelDown) {
      channelDown = false;
      network(() -> sim.channelUp(this));
    }
    world.soon(50 * MICRO, world.chance(10) ? 400 * MILLI : 4 * MILLI, this::act);
  }

  private void vanish() {
    world.log("vanishes", "client " + id, null);
    gone = true;
    world.soon(SECOND, 20 * SECOND, () -> sim.clientGone(this));
  }

  private void forgetAll() {
    holdings.values().forEach(holding -> holding.stateid = null);
  }

  // ---------------------------------------------------------------- I/O

  private void access(SimInode inode) {
    List<RdmaExtent4> extents = holding(inode).extents;
    if (extents.isEmpty()) {
      return;
    }
    RdmaExtent4 extent = extents.get(world.random.nextInt(extents.size()));
    if (extent.state() == RdmaExtentState4.PNFS_RDMA_NONE_DATA) {
      return;
    }
    boolean write = extent.state() == RdmaExtentState4.PNFS_RDMA_READ_WRITE_DATA;
    if (!sim.access(this, extent.handle(), write, honest ? 0 : 3)) {
      // The handle is dead: the layout goes, the I/O goes through the server.
      extents.remove(extent);
    }
  }

  private void change(SimInode inode) {
    int from = world.random.nextInt(BLOCKS_MAX);
    int to = from + 1 + world.random.nextInt(BLOCKS_MAX - from);
    FileChange change =
        switch (world.random.nextInt(40)) {
          case 0 -> FileChange.ACCESS_CHANGE;
          case 1 -> FileChange.CONFLICTING_OPEN;
          case 2, 3 -> FileChange.REOPEN;
          case 4, 5 -> FileChange.SHRINK;
          case 6 -> FileChange.REMAP;
          case 7 -> FileChange.PUNCH;
          case 8 -> FileChange.SHARE;
          default -> FileChange.WRITE;
        };
    int end = change == FileChange.SHRINK ? BLOCKS_MAX : Math.min(to, from + 4);
    network(() -> sim.change(this, inode, change, from, end, 0));
  }

  // ---------------------------------------------------------------- LAYOUTGET

  void get(SimInode inode, boolean readWrite) {
    Holding holding = holding(inode);
    Stateid4 stateid = holding.stateid;
    if (stateid != null && world.chance(2)) {
      stateid = null;
    } else if (stateid != null && !honest && world.chance(2)) {
      stateid = stateid.withSeqid(world.random.nextInt(10));
    }
    int from = world.chance(50) ? 0 : world.random.nextInt(BLOCKS_MAX);
    long length = world.chance(40) ? -1 : (long) BLOCK * (1 + world.random.nextInt(BLOCKS_MAX));
    long min = world.chance(70) ? 0 : Math.min(length < 0 ? 1 : length, BLOCK);
    Stateid4 presented = stateid;
    network(() ->
        sim.layoutGet(
            this,
            inode,
            presented,
            readWrite ? LAYOUTIOMODE4_RW : LAYOUTIOMODE4_READ,
            (long) from * BLOCK,
            length,
            min,
            result -> network(() -> got(inode, result))));
  }

  private void got(SimInode inode, LayoutGetResult result) {
    if (gone) {
      return;
    }
    Holding holding = holding(inode);
    switch (result) {
      case LayoutGetResult.Granted granted -> {
        holding.stateid = newer(holding.stateid, granted.stateid());
        holding.extents.addAll(
            RdmaLayout4.decode(new XdrReader(granted.content().duplicate())).extents());
      }
      case LayoutGetResult.Refused refused -> {
        if (sim.isStateidError(refused.status())) {
          holding.stateid = null;
        } else if (sim.isModeError(refused.status()) && world.chance(20)) {
          network(() -> sim.change(this, inode, FileChange.REOPEN, 0, 1, 0));
        }
      }
    }
  }

  private static Stateid4 newer(Stateid4 have, Stateid4 got) {
    return have == null || !have.sameOther(got) || got.seqid() > have.seqid() ? got : have;
  }

  // ---------------------------------------------------------------- LAYOUTRETURN

  private void giveBack(SimInode inode) {
    Holding holding = holding(inode);
    if (holding.stateid == null) {
      return;
    }
    if (world.chance(60)) {
      giveBack(inode, holding.stateid, 0, -1, LAYOUTIOMODE4_ANY, honest || world.chance(80));
    } else {
      long offset = (long) BLOCK * world.random.nextInt(BLOCKS_MAX);
      long length = (long) BLOCK * (1 + world.random.nextInt(8));
      int mode = 1 + world.random.nextInt(3);
      giveBack(inode, holding.stateid, offset, length, mode, true);
    }
  }

  private void giveBack(
      SimInode inode, Stateid4 stateid, long offset, long length, int ioMode, boolean stop) {
    Holding holding = holding(inode);
    if (stop) {
      long end = length < 0 ? Long.MAX_VALUE : offset + length;
      holding.extents.removeIf(
          extent -> extent.fileOffset() < end && offset < extent.fileOffset() + extent.length());
    }
    network(() ->
        sim.layoutReturn(
            this,
            inode,
            stateid,
            ioMode,
            offset,
            length,
            result ->
                network(() -> {
                  if (result.status() == NFS4_OK) {
                    holding.stateid =
                        result.stateid().map(s -> newer(holding.stateid, s)).orElse(null);
                  } else if (sim.isStateidError(result.status())) {
                    holding.stateid = null;
                  }
                })));
  }

  private void commit(SimInode inode) {
    Holding holding = holding(inode);
    if (holding.stateid != null && !gone) {
      sim.layoutCommit(this, inode, holding.stateid);
    }
  }

  private void freeStateid(SimInode inode) {
    Stateid4 stateid = holding(inode).stateid;
    if (stateid != null) {
      network(() -> sim.testAndFree(this, stateid));
    }
  }

  // ---------------------------------------------------------------- recalls

  void recalled(LayoutRecall recall, RecallReply reply) {
    SimInode inode = sim.inode(recall.file());
    if (gone || channelDown) {
      world.soon(MICRO, MILLI, () -> reply.onReply(Outcome.NO_BACK_CHANNEL, 0));
      return;
    }
    Manner manner = manner();
    world.log("recalled", "client " + id + " " + inode, manner);
    switch (manner) {
      case PROMPT -> answer(inode, recall, reply, 10 * MICRO, 2 * MILLI, true);
      case LATE -> answer(inode, recall, reply, SECOND, 14 * SECOND, true);
      case STUBBORN -> answer(inode, recall, reply, 10 * MICRO, 2 * MILLI, false);
      case TWICE -> {
        answer(inode, recall, reply, 10 * MICRO, 2 * MILLI, true);
        world.soon(MILLI, 5 * MILLI, () -> giveBackRecalled(inode, recall, recall.stateid(), true));
      }
      case WRONG_SEQID_FIRST -> {
        Stateid4 wrong = recall.stateid().withSeqid(world.random.nextInt(3) * 100);
        world.soon(0, MILLI, () -> giveBackRecalled(inode, recall, wrong, true));
        answer(inode, recall, reply, MILLI, 4 * MILLI, true);
      }
      case IN_PARTS -> {
        ok(reply, 10 * MICRO, MILLI);
        inParts(inode, recall, Math.max(0, recall.offset()), world.random.nextInt(12));
      }
      case LIES -> reply(reply, NFS4ERR_NOMATCHING_LAYOUT);
      case DELAYS -> reply(reply, NFS4ERR_DELAY);
      case STRANGE -> reply(reply, 10_001);
      case LOST -> world.soon(MILLI, SECOND, () -> reply.onReply(Outcome.LOST, 0));
      case NEVER -> {}
      case NO_CHANNEL -> {
        channelDown = true;
        world.soon(MICRO, MILLI, () -> reply.onReply(Outcome.NO_BACK_CHANNEL, 0));
      }
    }
  }

  private Manner manner() {
    if (honest || sim.calm || world.chance(55)) {
      return Manner.PROMPT;
    }
    return Manner.values()[world.random.nextInt(Manner.values().length)];
  }

  private void ok(RecallReply reply, long from, long to) {
    world.soon(from, to, () -> reply.onReply(Outcome.ANSWERED, NFS4_OK));
  }

  private void reply(RecallReply reply, int status) {
    world.soon(
        10 * MICRO,
        MILLI,
        () -> {
          if (status == NFS4ERR_NOMATCHING_LAYOUT) {
            sim.saidNoMatchingLayout(this);
          }
          reply.onReply(Outcome.ANSWERED, status);
        });
  }

  private void answer(
      SimInode inode, LayoutRecall recall, RecallReply reply, long from, long to, boolean stop) {
    ok(reply, 10 * MICRO, MILLI);
    world.soon(from, to, () -> giveBackRecalled(inode, recall, recall.stateid(), stop));
  }

  private void giveBackRecalled(
      SimInode inode, LayoutRecall recall, Stateid4 stateid, boolean stop) {
    if (!gone) {
      giveBack(inode, stateid, recall.offset(), recall.length(), LAYOUTIOMODE4_ANY, stop);
    }
  }

  private void inParts(SimInode inode, LayoutRecall recall, long offset, int left) {
    if (gone) {
      return;
    }
    if (left == 0) {
      giveBackRecalled(inode, recall, recall.stateid(), true);
      return;
    }
    giveBack(inode, recall.stateid(), offset, 4L * BLOCK, LAYOUTIOMODE4_ANY, true);
    world.soon(MICRO, 300 * MILLI, () -> inParts(inode, recall, offset + 4L * BLOCK, left - 1));
  }
}
