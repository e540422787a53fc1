package io.selkie.test.simulation;

import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_BADHANDLE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_DELAY;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;
import static io.selkie.test.simulation.SimWorld.MICRO;
import static io.selkie.test.simulation.SimWorld.MILLI;
import static io.selkie.test.simulation.SimWorld.SECOND;

import io.selkie.layout.CallbackChannel.Outcome;
import io.selkie.layout.CallbackChannel.RecallReply;
import io.selkie.layout.ChangePermit;
import io.selkie.layout.DelegationArbiter;
import io.selkie.layout.DelegationArbiter.DelegationRequest;
import io.selkie.layout.DelegationArbiter.DelegationResult;
import io.selkie.layout.DelegationCallbacks;
import io.selkie.layout.DelegationType;
import io.selkie.layout.FileChange;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.LayoutEvents.Event;
import io.selkie.layout.RecallCause;
import io.selkie.lease.ByteRange;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Clients that open files, take delegations and are asked for them, and what must hold of that: who
 * has a delegation is disturbed by nobody, neither client nor process; only one has one to write;
 * who answers recalls is never revoked.
 */
final class SimDelegations implements DelegationCallbacks {

  /** What a client has, as the server sees it. */
  private record Held(long clientId, SimInode inode, DelegationType type, Stateid4 stateid) {
    boolean isAgainst(FileChange change) {
      return type == DelegationType.WRITE || !isRead(change);
    }
  }

  /** An entry in the server's table of opens; asked for before its leave is. */
  private static final class Open {
    final long clientId;
    final SimInode inode;
    final boolean write;
    boolean allowed;

    Open(long clientId, SimInode inode, boolean write) {
      this.clientId = clientId;
      this.inode = inode;
      this.write = write;
    }
  }

  private final Simulation sim;
  private final SimWorld world;
  private final Checker checker;
  private final List<Held> held = new ArrayList<>();
  private final List<Open> opens = new ArrayList<>();
  private LayoutArbiter arbiter;
  private long lastFile;
  int granted;
  int returned;
  int revoked;
  int views;

  SimDelegations(Simulation sim) {
    this.sim = sim;
    this.world = sim.world;
    this.checker = sim.checker;
  }

  void attach(LayoutArbiter theArbiter) {
    arbiter = theArbiter;
  }

  private static boolean isRead(FileChange change) {
    return change == FileChange.READ
        || change == FileChange.OPEN_READ
        || change == FileChange.SHARE;
  }

  // ---------------------------------------------------------------- what clients do

  /** Begins to act. */
  void newClient(SimClient client) {
    world.soon(0, 20 * MILLI, () -> act(client));
  }

  private void act(SimClient client) {
    if (client.gone || sim.calm) {
      return;
    }
    SimInode inode = sim.anyInode();
    switch (world.random.nextInt(10)) {
      case 0, 1, 2, 3 -> open(client, inode, world.chance(35), 0);
      case 4, 5 -> giveBackOne(client);
      case 6 ->
          sim.change(
              client, inode, world.chance(50) ? FileChange.METADATA : FileChange.READ, 0, 1, 0);
      case 7 -> view(client, inode);
      case 8 -> ask(client, inode, world.chance(50));
      default -> arbiter.delegations().heldBy(client.id, inode.identity);
    }
    world.soon(MILLI, 60 * MILLI, () -> act(client));
  }

  /** OPEN, as the server does it. */
  private void open(SimClient client, SimInode inode, boolean write, int tries) {
    if (client.gone || (write && !inode.openForWriting)) {
      return;
    }
    Open open = new Open(client.id, inode, write);
    opens.add(open);
    FileChange change = write ? FileChange.OPEN_WRITE : FileChange.OPEN_READ;
    world.interleave();
    ChangePermit permit =
        arbiter.beforeChange(inode.identity, change, new ByteRange(0, Long.MAX_VALUE), client.id);
    if (!(permit instanceof ChangePermit.Granted leave)) {
      opens.remove(open);
      if (tries < 20) {
        world.soon(50 * MILLI, 500 * MILLI, () -> open(client, inode, write, tries + 1));
      }
      return;
    }
    performed(client.id, inode, change);
    open.allowed = true;
    world.interleave();
    leave.close();
    ask(client, inode, write);
    world.soon(MILLI, 200 * MILLI, () -> opens.remove(open));
  }

  private void ask(SimClient client, SimInode inode, boolean write) {
    if (client.gone || (write && !inode.openForWriting)) {
      return;
    }
    DelegationType type = write ? DelegationType.WRITE : DelegationType.READ;
    DelegationResult result =
        arbiter
            .delegations()
            .delegate(
                new DelegationRequest(
                    client.id,
                    inode,
                    new byte[] {(byte) ++lastFile},
                    type,
                    false,
                    false,
                    () -> {
                      world.interleave();
                      return sim.mutant == Mutant.OPENS_ARE_NOT_ASKED_FOR
                          || undisturbed(client.id, inode, write);
                    },
                    () -> 1,
                    Optional.empty()));
    if (result instanceof DelegationResult.Granted got) {
      given(new Held(client.id, inode, type, got.stateid()));
    }
  }

  private boolean undisturbed(long clientId, SimInode inode, boolean write) {
    return opens.stream()
        .noneMatch(
            open -> open.inode == inode && open.clientId != clientId && (write || open.write));
  }

  private void given(Held now) {
    granted++;
    world.log("delegated", now, null);
    for (Held other : held) {
      if (other.inode == now.inode
          && (other.type == DelegationType.WRITE || now.type == DelegationType.WRITE)) {
        throw checker.violation("two delegations at odds: " + other + " and " + now);
      }
    }
    for (Open open : opens) {
      if (open.allowed
          && open.inode == now.inode
          && open.clientId != now.clientId
          && (open.write || now.type == DelegationType.WRITE)) {
        throw checker.violation("delegated beside an open of client " + open.clientId + ": " + now);
      }
    }
    held.add(now);
  }

  private void giveBackOne(SimClient client) {
    held.stream()
        .filter(one -> one.clientId == client.id)
        .findFirst()
        .ifPresent(one -> giveBack(one.inode, client, one.stateid));
  }

  private void giveBack(SimInode inode, SimClient client, Stateid4 stateid) {
    if (client.gone) {
      return;
    }
    held.removeIf(one -> one.stateid.equals(stateid));
    arbiter
        .delegations()
        .giveBack(client.id, stateid, inode.identity)
        .thenAccept(status -> {
          if (status == NFS4_OK) {
            returned++;
          } else {
            arbiter.freeStateid(client.id, stateid);
          }
        });
  }

  private void view(SimClient client, SimInode inode) {
    DelegationArbiter door = arbiter.delegations();
    if (door.isWrittenByOther(client.id, inode.identity)) {
      door.view(client.id, inode.identity, 1, inode.size).thenAccept(_ -> views++);
    }
  }

  /** All of a client's go. */
  void clientGone(long clientId) {
    held.removeIf(one -> one.clientId == clientId);
    opens.removeIf(open -> open.clientId == clientId);
  }

  void returnAll(Iterable<SimClient> clients) {
    for (SimClient client : clients) {
      for (Held one : List.copyOf(held)) {
        if (one.clientId == client.id) {
          giveBack(one.inode, client, one.stateid);
        }
      }
    }
  }

  // ---------------------------------------------------------------- what must hold

  /** Something is done through the server on behalf of a client. */
  void performed(long clientId, SimInode inode, FileChange change) {
    for (Held one : held) {
      if (one.inode == inode && one.clientId != clientId && one.isAgainst(change)) {
        throw checker.violation(change + " of client " + clientId + " under " + one);
      }
    }
  }

  /** Another process has the file open from now on. */
  void localOpened(SimInode inode, boolean forWriting) {
    for (Held one : held) {
      if (one.inode == inode && (forWriting || one.type == DelegationType.WRITE)) {
        throw checker.violation("a process " + (forWriting ? "writes" : "reads") + " under " + one);
      }
    }
  }

  /** The server says that it took one by force. */
  void revoked(Event event) {
    revoked++;
    boolean recalled =
        event.cause() != RecallCause.CLIENT_EXPIRED
            && event.cause() != RecallCause.CLIENT_DESTROYED
            && event.cause() != RecallCause.AUDIT_DIFFERENCE;
    if (recalled && checker.honest.contains(event.clientId())) {
      throw checker.violation(
          "client " + event.clientId() + " answers every recall, and is revoked: " + event);
    }
    held.removeIf(
        one -> one.clientId == event.clientId() && one.inode.identity.equals(event.file()));
  }

  // ---------------------------------------------------------------- callbacks

  @Override
  public boolean isReachable(long clientId) {
    SimClient client = sim.client(clientId);
    return client != null && !client.gone;
  }

  @Override
  public void recall(Recall recall, RecallReply reply) {
    SimClient client = sim.client(recall.clientId());
    if (sim.mutant == Mutant.DELEGATIONS_ARE_NOT_RECALLED) {
      return;
    }
    world.soon(
        10 * MICRO,
        500 * MICRO,
        () -> {
          if (client == null || client.gone) {
            reply.onReply(Outcome.LOST, 0);
          } else {
            recalled(client, sim.inode(recall.file()), recall, reply);
          }
        });
  }

  private void recalled(SimClient client, SimInode inode, Recall recall, RecallReply reply) {
    boolean prompt = sim.calm || checker.honest.contains(client.id) || world.chance(55);
    switch (prompt ? 0 : 1 + world.random.nextInt(6)) {
      case 0 -> answer(client, inode, recall, reply, 10 * MICRO, 5 * MILLI);
      case 1 -> answer(client, inode, recall, reply, SECOND, 14 * SECOND);
      case 2 -> reply.onReply(Outcome.ANSWERED, NFS4ERR_DELAY);
      case 3 -> {
        // It says that it has none: whatever it does from here on is its own fault.
        held.removeIf(one -> one.stateid.equals(recall.stateid()));
        reply.onReply(Outcome.ANSWERED, NFS4ERR_BADHANDLE);
      }
      case 4 -> world.soon(MILLI, SECOND, () -> reply.onReply(Outcome.LOST, 0));
      case 5 -> {
        reply.onReply(Outcome.NO_BACK_CHANNEL, 0);
        world.soon(SECOND, 12 * SECOND, () -> arbiter.backChannelUp(client.id));
      }
      default -> {}
    }
  }

  private void answer(
      SimClient client, SimInode inode, Recall recall, RecallReply reply, long from, long to) {
    world.soon(10 * MICRO, MILLI, () -> reply.onReply(Outcome.ANSWERED, NFS4_OK));
    world.soon(from, to, () -> giveBack(inode, client, recall.stateid()));
  }

  @Override
  public void attributes(Query query, AttributesReply reply) {
    world.soon(
        10 * MICRO,
        world.chance(20) ? 2 * SECOND : MILLI,
        () ->
            reply.onReply(
                world.chance(80)
                    ? Optional.of(new Attributes(1 + world.random.nextInt(2), 4096, null, null))
                    : Optional.empty()));
  }
}
