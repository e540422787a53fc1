package io.selkie.client;

import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.selkie.client.direct.DirectIo;
import io.selkie.client.direct.DirtyRange;
import io.selkie.client.direct.Rails;
import io.selkie.client.layout.Devices;
import io.selkie.client.layout.FileLayout;
import io.selkie.client.layout.LayoutContext;
import io.selkie.client.layout.LayoutRegistry;
import io.selkie.client.nfs.AttributeCodec;
import io.selkie.client.nfs.FileCalls;
import io.selkie.client.nfs.FileCalls.Creation;
import io.selkie.client.nfs.FileCalls.Opened;
import io.selkie.client.nfs.LayoutCalls;
import io.selkie.client.nfs.NameCalls;
import io.selkie.client.nfs.ServerData;
import io.selkie.client.session.BackChannel;
import io.selkie.client.session.Deadline;
import io.selkie.client.session.EventLoopTimers;
import io.selkie.client.session.Nfs41Session;
import io.selkie.client.session.SessionSettings;
import io.selkie.client.session.StateListener;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.rdma.RdmaException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A client of one Selkie (or other NFSv4.1) server. Paths start at the server's root and are
 * separated by slashes; symbolic links are not followed.
 *
 * <p>Safe for use by several threads; calls block. Give it a thread of your own, or use the
 * asynchronous methods of {@link DirectFile}.
 */
public final class SelkieClient implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SelkieClient.class);
  private static final int WORKERS = 4;
  private static final int WORK_QUEUED_MAX = 65_536;
  private static final int NEW_FILE_MODE = 0644;
  private static final int NEW_DIRECTORY_MODE = 0755;

  private final ClientOptions options;
  private final String server;
  private final NanoClock clock;
  private final ClientCounters counters = new ClientCounters();
  private final EventLoopGroup group;
  private final ThreadPoolExecutor workers;
  private final AsyncOperations async;
  private final Rails rails;
  private final DirectIo io;
  private final Nfs41Session session;
  private final LayoutRegistry layouts;
  private final LayoutContext layoutContext;
  private final Devices devices;
  private final NameCalls names;
  private final FileCalls files;
  private final AtomicLong nextOwner = new AtomicLong();
  private final Set<DirectFile> openFiles = ConcurrentHashMap.newKeySet();
  private final Map<FileHandle, FileNode> nodes = new HashMap<>();
  private boolean closed;

  private SelkieClient(String host, int port, ClientOptions options) throws IOException {
    this.options = options;
    this.server = host + ":" + port;
    this.clock = options.clock() == null ? NanoClock.system() : options.clock();
    InetSocketAddress address = new InetSocketAddress(host, port);
    if (address.isUnresolved()) {
      throw new IOException("cannot resolve host " + host);
    }
    String name = "selkie-client " + server;
    group =
        new MultiThreadIoEventLoopGroup(
            1,
            new DefaultThreadFactory(name, true),
            Epoll.isAvailable() ? EpollIoHandler.newFactory() : NioIoHandler.newFactory());
    workers =
        new ThreadPoolExecutor(
            WORKERS,
            WORKERS,
            10,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(WORK_QUEUED_MAX),
            Thread.ofPlatform().daemon().name(name + " worker-", 0).factory());
    workers.allowCoreThreadTimeOut(true);
    async = new AsyncOperations(options.asyncInFlightMax(), name);
    rails = new Rails(options.providerChoice(), options.provider(), name);
    boolean good = false;
    Nfs41Session madeSession = null;
    try {
      Timers timers = options.timers() == null ? new EventLoopTimers(group) : options.timers();
      layouts = new LayoutRegistry(options.recallBehaviour(), workers, timers, counters);
      madeSession =
          Nfs41Session.open(settings(address, timers), new BackChannel(layouts), new StateKeeper());
      good = true;
    } finally {
      if (!good) {
        release();
      }
    }
    session = madeSession;
    long ioTimeoutNanos = options.ioTimeoutMillis() * 1_000_000L;
    io = new DirectIo(options.chunkBytes(), ioTimeoutNanos);
    LayoutCalls layoutCalls = new LayoutCalls(session);
    devices = devices(layoutCalls, address.getAddress(), ioTimeoutNanos);
    layoutContext =
        new LayoutContext(
            session,
            layoutCalls,
            devices,
            clock,
            options.wallClock(),
            counters,
            options.drainTimeoutMillis() * 1_000_000L,
            options.retryLayoutMillis() * 1_000_000L);
    layouts.attach(layoutCalls, session::deadline);
    names = new NameCalls(session);
    files = new FileCalls(session);
  }

  /**
   * Connects to a server and opens a session.
   *
   * @param host name or address
   * @param port NFS port, usually 2049
   */
  public static SelkieClient connect(String host, int port, ClientOptions options)
      throws IOException {
    return new SelkieClient(host, port, options);
  }

  private SessionSettings settings(InetSocketAddress address, Timers timers) {
    String owner = options.owner();
    if (owner == null) {
      owner = "selkie " + ProcessHandle.current().pid() + " " + options.random().nextLong();
    }
    return new SessionSettings(
        address,
        group,
        PooledByteBufAllocator.DEFAULT,
        options.connectTimeoutMillis(),
        options.callTimeoutMillis(),
        options.operationTimeoutMillis(),
        options.transferBytes(),
        options.slots(),
        owner,
        new AuthSys().set(options.uid(), options.gid()),
        "selkie",
        clock,
        timers,
        options.random(),
        workers,
        counters);
  }

  private Devices devices(LayoutCalls calls, InetAddress address, long ioTimeoutNanos) {
    return new Devices(
        calls,
        rails,
        session::id,
        address,
        clock,
        counters,
        options.busyPollNanos(),
        options.connectTimeoutMillis(),
        ioTimeoutNanos);
  }

  /** What this client has done. */
  public ClientCounters counters() {
    return counters;
  }

  /** Host and port. */
  public String server() {
    return server;
  }

  /** Whether the server grants layouts at all. */
  public boolean offersLayouts() {
    return session.offersLayouts();
  }

  /**
   * Registers native memory with the RDMA device, so that I/O uses it in place instead of copying.
   * Costs nothing, and is not needed, with the software provider. What the device refuses is copied
   * as if it were not registered; the log says so.
   *
   * @param segment native; must stay alive until the handle is closed
   * @return ends the registration; no I/O on the memory may be in flight then
   */
  public AutoCloseable register(MemorySegment segment) throws RdmaException {
    return rails.register(segment);
  }

  // ---- files ----

  /** Opens a file with the client's own direct mode; see the other method. */
  public DirectFile open(String path, StandardOpenOption... how) throws IOException {
    return open(path, options.directMode(), how);
  }

  /**
   * Opens a file.
   *
   * @param how READ (also when nothing is said), WRITE, CREATE, CREATE_NEW, TRUNCATE_EXISTING
   * @throws NfsStatusException with the server's status when it cannot be opened
   */
  public DirectFile open(String path, DirectMode mode, StandardOpenOption... how)
      throws IOException {
    Set<StandardOpenOption> asked =
        how.length == 0 ? EnumSet.of(StandardOpenOption.READ) : EnumSet.copyOf(Arrays.asList(how));
    rejectUnknown(asked);
    boolean write = asked.contains(StandardOpenOption.WRITE);
    int access = write ? OpenConst4.OPEN4_SHARE_ACCESS_BOTH : OpenConst4.OPEN4_SHARE_ACCESS_READ;
    Creation creation =
        asked.contains(StandardOpenOption.CREATE_NEW)
            ? Creation.MUST_BE_NEW
            : asked.contains(StandardOpenOption.CREATE) ? Creation.IF_MISSING : Creation.NONE;
    if (!write && creation != Creation.NONE) {
      throw new IllegalArgumentException("creating a file needs WRITE");
    }
    List<String> components = components(path);
    if (components.isEmpty()) {
      throw new NfsStatusException(NfsStat4.NFS4ERR_ISDIR, path);
    }
    NameCalls.Found parent = names.lookup(components.subList(0, components.size() - 1), path);
    long owner = nextOwner.incrementAndGet();
    Opened opened =
        files.open(
            parent.handle(), components.getLast(), access, owner, creation, NEW_FILE_MODE, path);
    DirectFile file =
        new DirectFile(
            this, node(opened, path), io, path, mode, access, write, owner, opened.stateid());
    openFiles.add(file);
    if (asked.contains(StandardOpenOption.TRUNCATE_EXISTING)
        && write
        && opened.attributes().status().sizeBytes() != 0) {
      truncateOrClose(file);
    }
    return file;
  }

  private static void truncateOrClose(DirectFile file) throws IOException {
    try {
      file.setSize(0);
    } catch (IOException e) {
      try (file) {
        throw e;
      }
    }
  }

  private static void rejectUnknown(Set<StandardOpenOption> asked) {
    for (StandardOpenOption option : asked) {
      switch (option) {
        case READ, WRITE, CREATE, CREATE_NEW, TRUNCATE_EXISTING -> {}
        default -> throw new IllegalArgumentException(option + " is not supported");
      }
    }
  }

  private synchronized FileNode node(Opened opened, String path) {
    FileNode node = nodes.get(opened.handle());
    if (node == null) {
      FileLayout layout = new FileLayout(opened.handle(), path, layoutContext);
      ServerData data =
          new ServerData(
              files,
              opened.handle(),
              path,
              counters,
              options.unstableBytesMax(),
              layout.held()::changedThroughServer);
      AttributeCodec.Decoded attributes = opened.attributes();
      layouts.add(opened.handle(), layout, attributes.fsidMajor(), attributes.fsidMinor());
      node = new FileNode(opened.handle(), layout, data);
      nodes.put(opened.handle(), node);
    }
    node.opens++;
    node.users++;
    node.layout.forgetRefusal();
    // Close-to-open: who opens a file sees the size that it has then.
    node.layout.held().forgetSize();
    return node;
  }

  /** The last part of a file's close; goes on when a part fails, and throws the first failure. */
  void closed(DirectFile file, FileNode node, Stateid4 stateid, String path) throws IOException {
    openFiles.remove(file);
    boolean isLast;
    synchronized (this) {
      isLast = --node.opens == 0;
    }
    try {
      if (isLast) {
        node.layout.returnAll(session.deadline());
      }
    } finally {
      release(node);
      int status = files.close(node.handle, stateid, path);
      if (status != NfsStat4.NFS4_OK && !LayoutCalls.isStateGone(status)) {
        LOG.info("close of {} answered {}", path, NfsStat4.name(status));
      }
    }
  }

  /** A file that is opened again while its layout goes back keeps its node. */
  private synchronized void release(FileNode node) {
    if (--node.users == 0) {
      nodes.remove(node.handle);
      layouts.remove(node.handle);
    }
  }

  /**
   * Grows a file to a size unless somebody else has changed its size meanwhile: setting a size that
   * has become smaller than the file would cut off what another client wrote.
   *
   * @param before the size just seen
   * @return false when it was changed: look again
   */
  boolean grow(FileNode node, Stateid4 stateid, long before, long to, String path)
      throws IOException {
    int status = files.setSize(node.handle, stateid, to, before, path);
    if (status == NfsStat4.NFS4ERR_NOTSUPP || status == NfsStat4.NFS4ERR_OP_ILLEGAL) {
      // The server cannot compare; the window between looking and setting stays open.
      status = files.setSize(node.handle, stateid, to, -1, path);
    }
    if (status == NfsStat4.NFS4_OK) {
      return true;
    }
    if (status == NfsStat4.NFS4ERR_NOT_SAME) {
      return false;
    }
    throw new NfsStatusException(status, "grow " + path + " to " + to + " bytes");
  }

  // ---- names ----

  /** The attributes of a file or directory. */
  public FileStatus status(String path) throws IOException {
    return names.lookup(components(path), path).attributes().status();
  }

  /** Whether there is something with this name. */
  public boolean exists(String path) throws IOException {
    try {
      status(path);
      return true;
    } catch (NfsStatusException e) {
      if (NameCalls.isNoEntry(e)) {
        return false;
      }
      throw e;
    }
  }

  /** The entries of a directory, in the server's order. */
  public List<DirectoryEntry> list(String path) throws IOException {
    return names.readDirectory(names.lookup(components(path), path).handle(), path);
  }

  /** Makes a directory with mode 0755. */
  public void makeDirectory(String path) throws IOException {
    Place place = place(path);
    names.makeDirectory(place.parent, place.name, NEW_DIRECTORY_MODE, path);
  }

  /** Removes a file or an empty directory. */
  public void remove(String path) throws IOException {
    Place place = place(path);
    names.remove(place.parent, place.name, path);
  }

  /** Renames, replacing a file that has the new name. */
  public void rename(String from, String to) throws IOException {
    Place source = place(from);
    Place target = place(to);
    names.rename(source.parent, source.name, target.parent, target.name, from + " to " + to);
  }

  private record Place(FileHandle parent, String name) {}

  private Place place(String path) throws IOException {
    List<String> components = components(path);
    if (components.isEmpty()) {
      throw new NfsStatusException(NfsStat4.NFS4ERR_INVAL, path + " is the root");
    }
    FileHandle parent = names.lookup(components.subList(0, components.size() - 1), path).handle();
    return new Place(parent, components.getLast());
  }

  private static List<String> components(String path) {
    List<String> components = new ArrayList<>();
    for (String component : path.split("/", -1)) {
      if (component.equals("..")) {
        throw new IllegalArgumentException(path + ": '..' is not followed");
      }
      if (!component.isEmpty() && !component.equals(".")) {
        components.add(component);
      }
    }
    return components;
  }

  // ---- for the package ----

  NameCalls names() {
    return names;
  }

  FileCalls files() {
    return files;
  }

  AsyncOperations async() {
    return async;
  }

  Deadline deadline() {
    return session.deadline();
  }

  int stateGeneration() {
    return session.stateGeneration();
  }

  StateListener.RecoveryCalls normalCalls() {
    return session::call;
  }

  /** Reclaims and drops state when the server says so. */
  private final class StateKeeper implements StateListener {
    @Override
    public void onStateLost(RecoveryCalls calls) throws IOException {
      List<FileNode> all;
      synchronized (SelkieClient.this) {
        all = List.copyOf(nodes.values());
        all.forEach(node -> node.doubt(node.layout.forget()));
      }
      devices.closeAll();
      for (DirectFile file : openFiles) {
        file.reclaim(calls);
      }
      // With its open back, what was written directly and not yet committed may still be saved.
      for (FileNode node : all) {
        DirtyRange.Taken doubt = node.takeDoubt();
        if (doubt != null && node.layout.reclaimCommit(doubt, calls)) {
          node.saved(doubt, stateGeneration() + 1);
        } else {
          node.doubt(doubt);
        }
      }
    }

    @Override
    public void onStateRevoked() throws IOException {
      layouts.dropRevoked();
    }
  }

  /**
   * Closes what is still open (syncing it), gives the session back and ends all threads. When a
   * file cannot be closed properly the rest is done all the same, and the first failure thrown.
   */
  @Override
  public void close() throws IOException {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    IOException first = null;
    for (DirectFile file : openFiles) {
      try {
        file.close();
      } catch (IOException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    async.close();
    session.close();
    devices.close();
    release();
    if (first != null) {
      throw first;
    }
  }

  /**
   * Ends without a word to the server, as a process that is killed: connections are closed, nothing
   * is returned or synced. For tests of what the server does then.
   */
  public void abandon() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    openFiles.forEach(DirectFile::markClosed);
    session.abandon();
    devices.close();
    async.close();
    release();
  }

  private void release() {
    workers.shutdown();
    var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    rails.close();
  }
}
