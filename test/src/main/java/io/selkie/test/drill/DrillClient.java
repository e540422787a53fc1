package io.selkie.test.drill;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.selkie.client.ClientCounters;
import io.selkie.client.ProviderChoice;
import io.selkie.client.direct.Rail;
import io.selkie.client.direct.Rails;
import io.selkie.client.nfs.FileCalls;
import io.selkie.client.nfs.FileCalls.Creation;
import io.selkie.client.nfs.FileCalls.Opened;
import io.selkie.client.nfs.LayoutCalls;
import io.selkie.client.nfs.LayoutCalls.GetResult;
import io.selkie.client.nfs.LayoutCalls.Granted;
import io.selkie.client.nfs.LayoutCalls.Refused;
import io.selkie.client.nfs.LayoutCalls.Returned;
import io.selkie.client.nfs.NameCalls;
import io.selkie.client.session.BackChannel;
import io.selkie.client.session.BackChannel.LayoutRecall;
import io.selkie.client.session.BackOff;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.EventLoopTimers;
import io.selkie.client.session.Nfs41Session;
import io.selkie.client.session.SessionSettings;
import io.selkie.client.session.StateListener;
import io.selkie.config.time.Timers;
import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.rdma.RdmaException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A client of a scenario: sessions and calls of the client library, and nothing of its good sense.
 * What it does on a recall is its {@link Conduct}; whether it uses a handle that is dead is the
 * scenario's. Safe for use by several threads.
 */
final class DrillClient implements AutoCloseable {

  private static final int WORKERS = 4;
  private static final int WORK_QUEUED_MAX = 1024;
  private static final int CALL_MILLIS = 10_000;
  private static final int OPERATION_MILLIS = 30_000;
  private static final int TRANSFER_BYTES = 1 << 20;
  private static final int SLOTS = 8;
  private static final int STATE_LOSSES_MAX = 8;

  private final Scenario.ClientSpec spec;
  private final Stage stage;
  private final String owner;
  private final EventLoopGroup group;
  private final Timers timers;
  private final ThreadPoolExecutor workers;
  private final Rails rails;
  private final Nfs41Session session;
  private final LayoutCalls layoutCalls;
  private final FileCalls fileCalls;
  private final NameCalls nameCalls;
  private final InstantSource wall;
  private final Accesses accesses = new Accesses();
  private final AtomicLong nextOwner = new AtomicLong();
  private final Map<DrillFile, OpenFile> opened = new ConcurrentHashMap<>();
  private final List<HeldLayout> held = new CopyOnWriteArrayList<>();
  private final List<Flood> floods = new CopyOnWriteArrayList<>();

  private record OpenFile(Opened opened, long owner, String path) {}

  private DrillClient(Scenario.ClientSpec spec, Stage stage, int uid, int gid) throws IOException {
    this.spec = spec;
    this.stage = stage;
    this.wall = stage.wall();
    this.owner = stage.label() + " " + spec.name();
    group =
        new MultiThreadIoEventLoopGroup(
            1,
            new DefaultThreadFactory("drill " + spec.name(), true),
            Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    timers = new EventLoopTimers(group);
    workers =
        new ThreadPoolExecutor(
            WORKERS,
            WORKERS,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(WORK_QUEUED_MAX),
            Thread.ofPlatform().daemon().name("drill " + spec.name() + " worker-", 0).factory());
    workers.allowCoreThreadTimeOut(true);
    rails = new Rails(ProviderChoice.AUTO, null, owner);
    boolean done = false;
    try {
      session = Nfs41Session.open(settings(uid, gid), new BackChannel(this::onRecall), keeper());
      done = true;
    } finally {
      if (!done) {
        release();
      }
    }
    layoutCalls = new LayoutCalls(session);
    fileCalls = new FileCalls(session);
    nameCalls = new NameCalls(session);
  }

  /** Connects one that acts as this user. */
  static DrillClient connect(Scenario.ClientSpec spec, Stage stage, int uid, int gid)
      throws IOException {
    return new DrillClient(spec, stage, uid, gid);
  }

  private SessionSettings settings(int uid, int gid) {
    return new SessionSettings(
        stage.target().nfs(),
        group,
        PooledByteBufAllocator.DEFAULT,
        CALL_MILLIS,
        CALL_MILLIS,
        OPERATION_MILLIS,
        TRANSFER_BYTES,
        SLOTS,
        owner,
        new AuthSys().set(uid, gid),
        "selkie drill",
        stage.clock(),
        timers,
        stage.random(),
        workers,
        new ClientCounters());
  }

  String name() {
    return spec.name();
  }

  /** What the server's lists call it. */
  String owner() {
    return owner;
  }

  /** What it writes: the first letter of its name. */
  byte fill() {
    return spec.name().getBytes(US_ASCII)[0];
  }

  Accesses.Tally accesses() {
    return accesses.tally();
  }

  long delayMillis() {
    return spec.delay()
        .map(Span::of)
        .orElse(new Span(0, false))
        .millis(stage.recallTimeoutMillis());
  }

  private void note(String event, String text) {
    stage.journal().note(name(), event, text);
  }

  void noteRefused(String how) {
    note("access_refused", "access refused: " + how);
  }

  // ---- layouts ----

  /** Opens the file if it is not open, and gets a layout; tries again what the server delays. */
  HeldLayout layoutGet(DrillFile file, boolean write, long offset, long length, Deadline deadline)
      throws IOException, StepFailedException {
    BackOff backOff = session.backOff(deadline);
    int mode = write ? LayoutConst4.LAYOUTIOMODE4_RW : LayoutConst4.LAYOUTIOMODE4_READ;
    for (int gone = 0; ; ) {
      // Anew each time: after a restart of the server it is another one.
      OpenFile open = open(file);
      List<HeldLayout> before = heldOf(file);
      GetResult result =
          layoutCalls.layoutGet(
              open.opened.handle(),
              file.name(),
              presented(file, open),
              mode,
              offset,
              length,
              1,
              deadline);
      if (result instanceof Granted granted) {
        return took(file, open, granted);
      }
      int status = ((Refused) result).status();
      if (LayoutCalls.isStateGone(status) && gone++ < STATE_LOSSES_MAX) {
        before.forEach(one -> one.end("the server says that its stateid is no more"));
      } else if (!passes(status)) {
        throw new StepFailedException(
            "%s asked for a layout of %s: %s"
                .formatted(name(), file.name(), NfsStat4.name(status)));
      }
      backOff.pause("layout of " + file.name() + ": " + NfsStat4.name(status));
    }
  }

  /** The layout's stateid if there is one that counts, else that of the open. */
  private Stateid4 presented(DrillFile file, OpenFile open) {
    return live(file).map(HeldLayout::stateid).orElse(open.opened.stateid());
  }

  private HeldLayout took(DrillFile file, OpenFile open, Granted granted) {
    List<RdmaExtent4> extents = new ArrayList<>();
    granted.parts().forEach(part -> extents.addAll(part.extents()));
    HeldLayout layout =
        new HeldLayout(
            file, open.opened.handle(), granted.stateid(), stage.clock().nanoTime(), extents);
    for (HeldLayout other : held) {
      if (other.file().equals(file) && !other.over().isDone()) {
        other.restate(granted.stateid());
      }
    }
    held.add(layout);
    long bytes = extents.stream().mapToLong(RdmaExtent4::length).sum();
    note("layout_granted", "layout of " + file.name() + ", " + bytes + " bytes");
    return layout;
  }

  private static boolean passes(int status) {
    return switch (status) {
      case NfsStat4.NFS4ERR_DELAY,
          NfsStat4.NFS4ERR_GRACE,
          NfsStat4.NFS4ERR_LAYOUTTRYLATER,
          NfsStat4.NFS4ERR_LAYOUTUNAVAILABLE,
          NfsStat4.NFS4ERR_RECALLCONFLICT,
          NfsStat4.NFS4ERR_OLD_STATEID,
          NfsStat4.NFS4ERR_RETURNCONFLICT ->
          true;
      default -> false;
    };
  }

  private OpenFile open(DrillFile file) throws IOException {
    OpenFile known = opened.get(file);
    if (known != null) {
      return known;
    }
    List<String> folder = stage.exportPath();
    String path = String.join("/", folder) + "/" + file.path().getFileName();
    long number = nextOwner.incrementAndGet();
    Opened made =
        fileCalls.open(
            nameCalls.lookup(folder, path).handle(),
            String.valueOf(file.path().getFileName()),
            OpenConst4.OPEN4_SHARE_ACCESS_BOTH,
            number,
            Creation.NONE,
            0,
            path);
    OpenFile open = new OpenFile(made, number, path);
    opened.put(file, open);
    return open;
  }

  /** The last layout of the file, dead or alive. */
  HeldLayout last(DrillFile file) throws StepFailedException {
    return held.reversed().stream()
        .filter(layout -> layout.file().equals(file))
        .findFirst()
        .orElseThrow(() ->
            new StepFailedException(
                name() + " has no layout of " + file.name() + "; let it get one first"));
  }

  private java.util.Optional<HeldLayout> live(DrillFile file) {
    return held.reversed().stream()
        .filter(layout -> layout.file().equals(file) && !layout.over().isDone())
        .findFirst();
  }

  List<HeldLayout> held() {
    return held;
  }

  /** A new queue pair to where the layout's bytes are. */
  Link link(HeldLayout layout) throws RdmaException, InterruptedException {
    RdmaExtent4 first = layout.extents().getFirst();
    try {
      RdmaDeviceAddr4 device =
          layoutCalls.deviceAddress(first.deviceId(), Deadline.in(stage.clock(), CALL_MILLIS));
      InetAddress host = InetAddress.ofLiteral(device.addr().host());
      InetSocketAddress peer =
          new InetSocketAddress(
              host.isAnyLocalAddress() ? stage.target().nfs().getAddress() : host,
              device.addr().port());
      return connect(layout, device.transport(), peer);
    } catch (IOException e) {
      // Its session is gone; what it knew before must do.
      Peer known = layout.peer();
      if (known == null) {
        throw new RdmaException(RdmaException.Reason.UNREACHABLE, String.valueOf(e), e);
      }
      return connect(layout, known.transport(), known.address());
    }
  }

  private Link connect(HeldLayout layout, String transport, InetSocketAddress peer)
      throws RdmaException, InterruptedException {
    Rail rail = rails.railFor(transport, peer);
    layout.reachedAt(new Peer(transport, peer));
    return Link.connect(stage.clock(), rail, peer, session.id());
  }

  /**
   * Where a device was found.
   *
   * @param transport as GETDEVICEINFO says
   */
  record Peer(String transport, InetSocketAddress address) {}

  void count(HeldLayout layout, boolean success, boolean wasOver) {
    accesses.count(success, wasOver);
    if (success && wasOver) {
      note(
          "access_placed_after_end",
          "an access to "
              + layout.file().name()
              + " was placed though it began when nothing might land: "
              + layout.over().getNow(""));
    }
  }

  /** LAYOUTCOMMIT of a range; an nfsstat4. */
  int commit(HeldLayout layout, long offset, long length, Deadline deadline) throws IOException {
    int status =
        layoutCalls.layoutCommit(
            layout.handle(),
            layout.file().name(),
            layout.stateid(),
            offset,
            length,
            wall.instant(),
            deadline);
    note("layout_committed", "LAYOUTCOMMIT: " + NfsStat4.name(status));
    return status;
  }

  /** LAYOUTRETURN of a range; an nfsstat4. */
  int layoutReturn(HeldLayout layout, long offset, long length, Deadline deadline)
      throws IOException {
    // Not what is granted while the call is on its way.
    List<HeldLayout> before = heldOf(layout.file());
    Returned returned =
        layoutCalls.layoutReturn(
            layout.handle(),
            layout.file().name(),
            layout.stateid(),
            LayoutConst4.LAYOUTIOMODE4_ANY,
            offset,
            length,
            deadline);
    note(
        "layout_return_answered",
        "LAYOUTRETURN of " + layout.file().name() + ": " + NfsStat4.name(returned.status()));
    if (returned.status() == NfsStat4.NFS4_OK) {
      if (returned.stateid() == null) {
        before.forEach(one -> one.end("the server has answered LAYOUTRETURN of all of it"));
      } else {
        layout.restate(returned.stateid());
      }
    }
    return returned.status();
  }

  private List<HeldLayout> heldOf(DrillFile file) {
    return held.stream().filter(layout -> layout.file().equals(file)).toList();
  }

  // ---- recalls ----

  private int onRecall(LayoutRecall recall) {
    int status = spec.onRecall().conduct().onRecall(this, recall);
    note(
        "recall_received",
        "recall received, "
            + (status == BackChannel.Recalls.IGNORE
                ? "not answered"
                : "answered " + NfsStat4.name(status)));
    return status;
  }

  /** Does something after a while, on a thread that may block. */
  void later(long delayMillis, String what, ClientWork work) {
    Runnable task =
        () -> {
          try {
            work.run();
          } catch (IOException | StepFailedException e) {
            note("failed", what + " failed: " + e.getMessage());
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        };
    timers.schedule(
        delayMillis * 1_000_000,
        () -> {
          try {
            workers.execute(task);
          } catch (RejectedExecutionException _) {
            note("failed", what + " came when the client was closed");
          }
        });
  }

  /** What a client does on a thread of its own. */
  @FunctionalInterface
  interface ClientWork {
    void run() throws IOException, StepFailedException, InterruptedException;
  }

  private DrillFile fileOf(LayoutRecall recall) throws StepFailedException {
    for (HeldLayout layout : held.reversed()) {
      if (recall.file() == null || layout.handle().equals(recall.file())) {
        return layout.file();
      }
    }
    throw new StepFailedException("a recall of a file that " + name() + " has no layout of");
  }

  /** Gives back what a recall names, in some manner. */
  void giveBack(LayoutRecall recall, ReturnManner manner)
      throws IOException, StepFailedException, InterruptedException {
    DrillFile file = fileOf(recall);
    HeldLayout layout = last(file);
    if (recall.stateid() != null) {
      layout.restate(recall.stateid());
    }
    long size = file.content().sizeBytes();
    switch (manner) {
      case HONEST -> {
        calm(file);
        finish(layout, recall.offset(), recall.length());
      }
      case FIRST_HALF -> {
        calm(file);
        finish(layout, 0, size / 2);
      }
      case WHILE_WRITING ->
          layoutReturn(layout, recall.offset(), recall.length(), session.deadline());
      case NOT_HELD -> layoutReturn(layout, 1L << 40, 1 << 20, session.deadline());
    }
  }

  private void finish(HeldLayout layout, long offset, long length) throws IOException {
    commit(layout, 0, layout.file().content().sizeBytes(), session.deadline());
    layoutReturn(layout, offset, length, session.deadline());
  }

  /** Ends the writers of a file and waits until they have. */
  void calm(DrillFile file) throws InterruptedException, StepFailedException {
    List<Flood> ending = floods.stream().filter(f -> f.layout().file().equals(file)).toList();
    ending.forEach(Flood::stop);
    for (Flood flood : ending) {
      if (!flood.ended().await(OPERATION_MILLIS, TimeUnit.MILLISECONDS)) {
        throw new StepFailedException("writes of " + name() + " do not end");
      }
    }
  }

  /** Begins to write one-sided in a range of a layout. */
  Flood flood(HeldLayout layout, long offset, long length) {
    layout.file().content().doubt(offset, length);
    Flood flood = new Flood(this, layout, offset, length, stage.random());
    floods.add(flood);
    note("flood_begun", "writes one-sided, as fast as it can");
    Thread.ofPlatform().daemon().name("drill " + name() + " flood").start(flood);
    return flood;
  }

  /** Goes on writing, or begins to, in all that a recall names. */
  void floodOn(LayoutRecall recall) throws StepFailedException {
    DrillFile file = fileOf(recall);
    if (floods.stream().noneMatch(f -> f.layout().file().equals(file))) {
      HeldLayout layout = last(file);
      Flood _ = flood(layout, 0, layout.extents().getFirst().length());
    }
  }

  void floodEnded(Flood flood, long placed, int refused) {
    floods.remove(flood);
    note("flood_ended", "writes no more: " + placed + " placed, " + refused + " tries refused");
  }

  /** Its connection ends without a word; queue pairs stay. */
  void disconnect() {
    note("disconnected", "the connection is lost");
    session.abandon();
  }

  // ---- state ----

  private StateListener keeper() {
    return new StateListener() {
      @Override
      public void onStateLost(RecoveryCalls calls) throws IOException {
        note("state_lost", "the server is another one: opens are reclaimed, layouts are gone");
        for (HeldLayout layout : held) {
          layout.end("the server that granted it is gone");
        }
        for (Map.Entry<DrillFile, OpenFile> entry : List.copyOf(opened.entrySet())) {
          OpenFile before = entry.getValue();
          Stateid4 again =
              fileCalls.reopen(
                  calls,
                  before.opened.handle(),
                  OpenConst4.OPEN4_SHARE_ACCESS_BOTH,
                  before.owner,
                  true,
                  before.path);
          if (again == null) {
            opened.remove(entry.getKey());
          } else {
            Opened now = new Opened(before.opened.handle(), again, before.opened.attributes());
            opened.put(entry.getKey(), new OpenFile(now, before.owner, before.path));
          }
        }
      }

      @Override
      public void onStateRevoked() throws IOException {
        for (HeldLayout layout : held) {
          int status = layoutCalls.testStateid(layout.stateid(), session.deadline());
          if (status == NfsStat4.NFS4ERR_DELEG_REVOKED
              || status == NfsStat4.NFS4ERR_ADMIN_REVOKED) {
            layout.end("its stateid is revoked");
            int freed = layoutCalls.freeStateid(layout.stateid(), session.deadline());
            note(
                "revocation_learned",
                "learns that its layout of "
                    + layout.file().name()
                    + " was revoked; FREE_STATEID: "
                    + NfsStat4.name(freed));
          }
        }
      }
    };
  }

  /** Stops what it does, returns nothing, and ends the session as well as it can. */
  @Override
  public void close() {
    floods.forEach(Flood::stop);
    try {
      for (Flood flood : floods) {
        boolean _ = flood.ended().await(CALL_MILLIS, TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    session.abandon();
    release();
  }

  private void release() {
    workers.shutdown();
    var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    rails.close();
  }
}
