package io.selkie.layout;

import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_ANY;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_READ;
import static io.selkie.protocol.nfs4.LayoutConst4.LAYOUTIOMODE4_RW;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_INVAL;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NOENT;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_NO_GRACE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4ERR_UNKNOWN_LAYOUTTYPE;
import static io.selkie.protocol.nfs4.NfsStat4.NFS4_OK;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.Sealer;
import io.selkie.protocol.nfs4.Stateid4;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The arbiter: a table of {@link FileLayouts} state machines. An event is applied under its file's
 * lock, the effects are run after the lock was let go, and what comes of them are events again.
 */
public final class Arbiter implements LayoutArbiter {

  private static final Logger LOG = LoggerFactory.getLogger(Arbiter.class);

  /** Files kept although nothing is remembered of them. */
  private static final int IDLE_MAX = 1024;

  private final Map<FileIdentity, FileLayouts> files = new ConcurrentHashMap<>();
  private final Queue<FileLayouts> idle = new ConcurrentLinkedQueue<>();
  private final AtomicInteger idleCount = new AtomicInteger();
  private final Map<Integer, LayoutType> types = new LinkedHashMap<>();
  private final List<Integer> typeNumbers;
  private final FileContext context;
  private final NanoClock clock;
  private final EffectRunner runner;
  private final Commits commits;
  private final DelegationDoor delegations;

  /** One that gives no delegations. */
  public Arbiter(
      Sealer sealer,
      CallbackChannel callbacks,
      List<LayoutType> types,
      LayoutEvents events,
      NanoClock clock,
      Timers timers,
      Executor grants,
      Executor releases,
      RandomGenerator random,
      LayoutPolicy policy) {
    this(
        sealer,
        callbacks,
        DelegationCallbacks.NONE,
        types,
        events,
        clock,
        timers,
        grants,
        releases,
        random,
        policy,
        DelegationPolicy.OFF);
  }

  /**
   * @param types the layout types granted here, the preferred one first
   * @param events told of each step
   * @param timers their tasks do not block
   * @param grants runs the grants that had to wait for their turn: they may block for long, where
   *     space has to be allocated; must not reject before the arbiter is closed
   * @param releases runs the release of seals after asynchronous events: another one, because
   *     somebody in the kernel waits for each; must not reject either
   * @param random makes this boot's stateids unlike others
   */
  public Arbiter(
      Sealer sealer,
      CallbackChannel callbacks,
      DelegationCallbacks delegationCallbacks,
      List<LayoutType> types,
      LayoutEvents events,
      NanoClock clock,
      Timers timers,
      Executor grants,
      Executor releases,
      RandomGenerator random,
      LayoutPolicy policy,
      DelegationPolicy delegationPolicy) {
    types.forEach(type -> this.types.put(type.number(), type));
    this.typeNumbers = List.copyOf(this.types.keySet());
    AtomicReference<LayoutPolicy> current = new AtomicReference<>(policy);
    this.context =
        new FileContext(
            current,
            delegationPolicy,
            new Ledger(random),
            new ClientFiles(),
            new AtomicLong(),
            new AtomicBoolean());
    this.clock = clock;
    this.runner =
        new EffectRunner(
            new GrantWorker(sealer, clock, events),
            callbacks,
            delegationCallbacks,
            events,
            clock,
            timers,
            grants,
            releases,
            current,
            this::dispatch);
    this.commits = new Commits(context, this::dispatchIfPresent);
    this.delegations =
        new DelegationDoor(context, delegationCallbacks, runner, this::apply, files::get);
  }

  /** Takes another policy for what begins from now on. */
  public void updatePolicy(LayoutPolicy policy) {
    context.currentPolicy().set(policy);
  }

  // ------------------------------------------------------------------ dispatch

  private void dispatch(FileLayouts file, FileEvent event, OnThread thread) {
    List<Effect> effects;
    synchronized (file) {
      effects = file.on(event, clock.nanoTime());
      lingerIfIdle(file);
    }
    dropIdle();
    runner.run(file, effects, thread, null);
  }

  /** Brings an event to a file that is there, on a request's thread, or answers false. */
  private boolean dispatchIfPresent(FileIdentity identity, FileEvent event) {
    return dispatchIfPresent(identity, event, OnThread.OF_REQUEST);
  }

  private boolean dispatchIfPresent(FileIdentity identity, FileEvent event, OnThread thread) {
    FileLayouts file = files.get(identity);
    if (file == null) {
      return false;
    }
    List<Effect> effects;
    synchronized (file) {
      if (file.removed) {
        return false;
      }
      effects = file.on(event, clock.nanoTime());
      lingerIfIdle(file);
    }
    dropIdle();
    runner.run(file, effects, thread, null);
    return true;
  }

  /** Applies an event to a file, made when it is not there. */
  private DelegationDoor.Applied apply(FileIdentity identity, FileEvent event) {
    while (true) {
      FileLayouts file = file(identity);
      List<Effect> effects;
      synchronized (file) {
        if (file.removed) {
          continue;
        }
        effects = file.on(event, clock.nanoTime());
        lingerIfIdle(file);
      }
      dropIdle();
      return new DelegationDoor.Applied(file, effects);
    }
  }

  /** The file's state machine, made when it is not there; may be {@code removed} when locked. */
  private FileLayouts file(FileIdentity identity) {
    FileLayouts file = files.get(identity);
    return file != null ? file : files.computeIfAbsent(identity, this::newFile);
  }

  private FileLayouts newFile(FileIdentity identity) {
    FileLayouts file = new FileLayouts(identity, context);
    file.changes.onClose(permit -> closePermit(file, permit));
    return file;
  }

  /**
   * A file of which nothing is remembered is kept a while, because the next WRITE often meets it
   * again; the oldest of too many is dropped.
   */
  private void lingerIfIdle(FileLayouts file) {
    if (file.isIdle() && !file.lingering && !file.removed) {
      file.lingering = true;
      idle.add(file);
      idleCount.incrementAndGet();
    }
  }

  private void dropIdle() {
    while (idleCount.get() > IDLE_MAX) {
      FileLayouts file = idle.poll();
      if (file == null) {
        return;
      }
      idleCount.decrementAndGet();
      synchronized (file) {
        file.lingering = false;
        if (file.isIdle()) {
          file.removed = true;
          files.remove(file.identity, file);
        }
      }
    }
  }

  // ------------------------------------------------------------------ LAYOUTGET

  @Override
  public CompletionStage<LayoutGetResult> layoutGet(LayoutGetRequest request) {
    LayoutType type = types.get(request.layoutType());
    LayoutPolicy policy = context.policy();
    LayoutGetResult.Refused refused = GrantRules.check(request, type, policy);
    if (refused != null) {
      return CompletableFuture.completedFuture(refused);
    }
    ByteRange wanted = GrantRules.wanted(request, policy);
    GrantOp op =
        new GrantOp(
            request,
            type,
            wanted,
            GrantRules.preparation(request, wanted, policy, type.blockBytes()),
            Math.min(policy.extentsPerLayoutMax(), type.extentsMax()));
    DelegationDoor.Applied applied = apply(request.file().identity(), new FileEvent.LayoutGet(op));
    runner.run(applied.file(), applied.effects(), OnThread.OF_REQUEST, op);
    return op.answer;
  }

  // ------------------------------------------------------------------ LAYOUTRETURN, LAYOUTCOMMIT

  @Override
  public CompletionStage<LayoutReturnResult> layoutReturn(LayoutReturnRequest request) {
    int status = check(request);
    if (status != NFS4_OK) {
      return CompletableFuture.completedFuture(new LayoutReturnResult(status, Optional.empty()));
    }
    CompletableFuture<LayoutReturnResult> answer = new CompletableFuture<>();
    boolean known =
        dispatchIfPresent(
            request.file(),
            new FileEvent.Return(
                request.clientId(),
                request.layoutType(),
                request.ioMode(),
                Ranges.clip(request.offset(), request.length()),
                request.stateid(),
                answer));
    if (!known) {
      answer.complete(
          new LayoutReturnResult(
              context.ledger().statusOfDead(request.clientId(), request.stateid()),
              Optional.empty()));
    }
    return answer;
  }

  private int check(LayoutReturnRequest request) {
    LayoutType type = types.get(request.layoutType());
    if (type == null) {
      return NFS4ERR_UNKNOWN_LAYOUTTYPE;
    }
    if (request.reclaim()) {
      // There is no recovery, hence no grace period in which this could be right.
      return NFS4ERR_NO_GRACE;
    }
    if (!isIoMode(request.ioMode()) || Ranges.overflows(request.offset(), request.length())) {
      return NFS4ERR_INVAL;
    }
    return type.checkReturn(request.body());
  }

  private static boolean isIoMode(int ioMode) {
    return ioMode == LAYOUTIOMODE4_READ
        || ioMode == LAYOUTIOMODE4_RW
        || ioMode == LAYOUTIOMODE4_ANY;
  }

  @Override
  public CompletionStage<Integer> layoutReturnBulk(
      long clientId, int layoutType, int ioMode, Optional<Long> device) {
    if (!types.containsKey(layoutType)) {
      return CompletableFuture.completedFuture(NFS4ERR_UNKNOWN_LAYOUTTYPE);
    }
    if (!isIoMode(ioMode)) {
      return CompletableFuture.completedFuture(NFS4ERR_INVAL);
    }
    return onEach(
            filesOf(clientId),
            // So that it does not wait for the peer once for each file.
            OnThread.OF_SERVER,
            file -> device.isEmpty() || device.get() == file.device(),
            answer -> new FileEvent.ReturnAll(clientId, layoutType, ioMode, false, answer))
        .thenApply(_ -> NFS4_OK);
  }

  @Override
  public CompletionStage<Void> lastClose(long clientId, FileIdentity file) {
    return onEach(
        Set.of(file),
        OnThread.OF_REQUEST,
        _ -> true,
        answer -> new FileEvent.ReturnAll(clientId, 0, LAYOUTIOMODE4_ANY, true, answer));
  }

  @Override
  public LayoutCommitResult layoutCommit(LayoutCommitRequest request) {
    return commits.commit(request, types.get(request.layoutType()));
  }

  // ------------------------------------------------------------------ devices and stateids

  @Override
  public DeviceInfoResult deviceInfo(DeviceInfoRequest request) {
    LayoutType type = types.get(request.layoutType());
    if (type == null) {
      return new DeviceInfoResult(NFS4ERR_UNKNOWN_LAYOUTTYPE, ByteBuffer.allocate(0));
    }
    return type.deviceAddress(request.deviceId(), request.clientId(), request.arrivedAtHost())
        .map(body -> new DeviceInfoResult(NFS4_OK, body))
        .orElseGet(() -> new DeviceInfoResult(NFS4ERR_NOENT, ByteBuffer.allocate(0)));
  }

  @Override
  public List<Integer> layoutTypes() {
    return typeNumbers;
  }

  @Override
  public boolean isLayoutStateid(Stateid4 stateid) {
    return context.ledger().isOurs(stateid);
  }

  @Override
  public DelegationArbiter delegations() {
    return delegations;
  }

  @Override
  public int testStateid(long clientId, Stateid4 stateid) {
    if (delegations.isDelegationStateid(stateid)) {
      return delegations.check(clientId, stateid, null);
    }
    Hold hold = context.ledger().find(clientId, stateid);
    if (hold == null) {
      return context.ledger().statusOfDead(clientId, stateid);
    }
    FileLayouts file = files.get(hold.file);
    if (file == null) {
      return context.ledger().statusOfDead(clientId, stateid);
    }
    synchronized (file) {
      return hold.checkSeqid(stateid.seqid(), context.policy().seqidRange());
    }
  }

  @Override
  public int freeStateid(long clientId, Stateid4 stateid) {
    return context.ledger().free(clientId, stateid);
  }

  @Override
  public boolean hasRevokedState(long clientId) {
    return context.ledger().tellsOfRevoked(clientId);
  }

  @Override
  public boolean holdsLayouts(long clientId) {
    return context.ledger().holdsAny(clientId);
  }

  @Override
  public int layoutCount() {
    return context.ledger().granted();
  }

  @Override
  public Map<Long, Holdings> holdings() {
    return context.ledger().holdings();
  }

  /** Files that something is remembered of; 0 when nobody holds, asks for or changes anything. */
  public int fileCount() {
    int count = 0;
    for (FileLayouts file : files.values()) {
      synchronized (file) {
        count += file.isIdle() ? 0 : 1;
      }
    }
    return count;
  }

  @Override
  public LayoutSurvey survey() {
    return new LayoutSurvey(files.values(), clock);
  }

  // ------------------------------------------------------------------ changes

  @Override
  public ChangePermit beforeChange(
      FileIdentity identity, FileChange change, ByteRange range, long byClientId) {
    while (true) {
      FileLayouts file = file(identity);
      List<Effect> effects = List.of();
      ChangePermit answer;
      synchronized (file) {
        if (file.removed) {
          continue;
        }
        answer = file.changes.permitAtOnce(change, range, byClientId);
        if (answer == null) {
          ChangeOp op = new ChangeOp(change, range, byClientId);
          effects = file.on(new FileEvent.Change(op), clock.nanoTime());
          answer = op.answer;
        }
        lingerIfIdle(file);
      }
      dropIdle();
      runner.run(file, effects, OnThread.OF_REQUEST, null);
      return answer;
    }
  }

  private void closePermit(FileLayouts file, Permit permit) {
    List<Effect> effects = List.of();
    synchronized (file) {
      if (permit.closed) {
        return;
      }
      permit.closed = true;
      if (!file.changes.closeQuietly(permit)) {
        effects = file.on(new FileEvent.PermitClosed(permit), clock.nanoTime());
      }
      lingerIfIdle(file);
    }
    dropIdle();
    runner.run(file, effects, OnThread.OF_EVENT, null);
  }

  // ------------------------------------------------------------------ recalls

  @Override
  public void backChannelUp(long clientId) {
    for (FileIdentity file : filesOf(clientId)) {
      dispatchIfPresent(file, new FileEvent.BackChannelUp(clientId), OnThread.OF_SERVER);
    }
  }

  @Override
  public CompletionStage<Void> clientGone(long clientId, RecallCause cause) {
    // What is under way for it finds that it is gone, or is found by the fence.
    context.clients().clientGone(clientId);
    // What it has open goes first: accesses in flight end with their queue pairs.
    types.values().forEach(type -> type.clientGone(clientId));
    return fence(clientId, cause)
        .thenRun(() -> {
          if (cause != RecallCause.CLIENT_EXPIRED) {
            context.ledger().forgetRevoked(clientId);
          }
        });
  }

  @Override
  public CompletionStage<Void> leaseOver(long clientId) {
    return fence(clientId, RecallCause.CLIENT_EXPIRED);
  }

  private CompletableFuture<Void> fence(long clientId, RecallCause cause) {
    return onEach(
        filesOf(clientId),
        OnThread.OF_SERVER,
        _ -> true,
        answer -> new FileEvent.ClientGone(clientId, cause, answer));
  }

  @Override
  public CompletionStage<Void> recall(RecallFilter filter, RecallCause cause) {
    return onMatching(
        filter, (client, answer) -> new FileEvent.RecallWanted(cause, client, answer));
  }

  @Override
  public CompletionStage<Void> fence(RecallFilter filter, RecallCause cause) {
    return onMatching(filter, (client, answer) -> new FileEvent.FenceWanted(cause, client, answer));
  }

  private CompletionStage<Void> onMatching(
      RecallFilter filter, BiFunction<Long, CompletableFuture<Void>, FileEvent> event) {
    long client = filter.clientId().orElse(0);
    return onEach(
        filter
            .file()
            .map(Set::of)
            .orElseGet(() -> client == 0 ? Set.copyOf(files.keySet()) : filesOf(client)),
        OnThread.OF_REQUEST,
        file -> matches(filter, file),
        answer -> event.apply(client, answer));
  }

  private static boolean matches(RecallFilter filter, FileIdentity file) {
    return filter.file().map(file::equals).orElse(true)
        && (filter.device().isEmpty() || filter.device().getAsLong() == file.device());
  }

  /** The files that a client holds, asks for or waits for something of. */
  private Set<FileIdentity> filesOf(long clientId) {
    Set<FileIdentity> found = new LinkedHashSet<>(context.clients().of(clientId));
    // Of a layout there may be left only its stateid, because a recall is not answered yet.
    context.ledger().holdsOf(clientId).forEach(hold -> found.add(hold.file));
    context.ledger().delegationsOf(clientId).forEach(delegation -> found.add(delegation.file));
    return found;
  }

  private interface EventFor {
    FileEvent with(CompletableFuture<Void> answer);
  }

  private interface FileTest {
    boolean test(FileIdentity file);
  }

  private CompletableFuture<Void> onFiles(EventFor event) {
    return onEach(Set.copyOf(files.keySet()), OnThread.OF_SERVER, _ -> true, event);
  }

  private CompletableFuture<Void> onEach(
      Set<FileIdentity> identities, OnThread thread, FileTest test, EventFor event) {
    List<CompletableFuture<Void>> done = new ArrayList<>();
    for (FileIdentity identity : identities) {
      CompletableFuture<Void> answer = new CompletableFuture<>();
      if (test.test(identity) && dispatchIfPresent(identity, event.with(answer), thread)) {
        done.add(answer);
      }
    }
    return CompletableFuture.allOf(done.toArray(CompletableFuture[]::new));
  }

  // ------------------------------------------------------------------ the end

  @Override
  public CompletionStage<Void> stop() {
    context.stopping().set(true);
    return onFiles(answer -> new FileEvent.RecallWanted(RecallCause.SERVER_STOP, 0, answer));
  }

  @Override
  public void close() {
    context.stopping().set(true);
    CompletableFuture<Void> done =
        onFiles(answer -> new FileEvent.FenceAll(RecallCause.SERVER_STOP, answer));
    // An invalidation is broken off after its budget, so this ends.
    long limitNanos = 2 * context.policy().fenceBudgetNanos() + TimeUnit.SECONDS.toNanos(1);
    try {
      done.get(limitNanos, TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      LOG.error("interrupted while fencing; seals still held go with the process", e);
    } catch (ExecutionException | TimeoutException e) {
      LOG.error("not everything was fenced in time; seals still held go with the process", e);
    }
  }
}
