package io.selkie.layout;

import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutEvents.Step;
import io.selkie.lease.SealTarget;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Does what the files' state machines want done, and brings what comes of it back as events. No
 * lock is held here. What blocks in the kernel is done on the present thread when that one may
 * block, and handed to an executor otherwise.
 */
final class EffectRunner {

  private static final Logger LOG = LoggerFactory.getLogger(EffectRunner.class);

  /** Brings an event to a file, on a thread that is good for so much. */
  interface Dispatcher {
    void dispatch(FileLayouts file, FileEvent event, OnThread thread);
  }

  private final GrantWorker worker;
  private final CallbackChannel callbacks;
  private final DelegationCallbacks delegationCallbacks;
  private final LayoutEvents events;
  private final NanoClock clock;
  private final Timers timers;
  private final Executor grants;
  private final Executor releases;
  private final AtomicReference<LayoutPolicy> policy;
  private final Dispatcher dispatcher;

  EffectRunner(
      GrantWorker worker,
      CallbackChannel callbacks,
      DelegationCallbacks delegationCallbacks,
      LayoutEvents events,
      NanoClock clock,
      Timers timers,
      Executor grants,
      Executor releases,
      AtomicReference<LayoutPolicy> policy,
      Dispatcher dispatcher) {
    this.worker = worker;
    this.callbacks = callbacks;
    this.delegationCallbacks = delegationCallbacks;
    this.events = events;
    this.clock = clock;
    this.timers = timers;
    this.grants = grants;
    this.releases = releases;
    this.policy = policy;
    this.dispatcher = dispatcher;
  }

  /**
   * @param own the grant that the present thread came to make, or null: others are handed on, so
   *     that one client's answer does not wait for another's
   */
  void run(FileLayouts file, List<Effect> effects, OnThread thread, GrantOp own) {
    assertUnlocked(file);
    int mayWait = thread == OnThread.OF_REQUEST ? lastInvalidation(effects) : -1;
    for (int i = 0; i < effects.size(); i++) {
      // S4: only the last may keep the thread, when the budgets of all others run already.
      boolean here = i == mayWait;
      switch (effects.get(i)) {
        case Effect.StartGrant e -> startGrant(file, e.op(), thread.mayBlock() && e.op() == own);
        case Effect.StartDelegation e -> startDelegation(file, e.op());
        case Effect.SendDelegationRecall e -> behalf(e.message().recallId(), () -> send(file, e));
        case Effect.AskHolder e -> ask(file, e);
        case Effect.Invalidate e -> behalf(e.recallId(), () -> invalidate(file, e, thread, here));
        case Effect.SendRecall e -> behalf(e.message().recallId(), () -> send(file, e));
        case Effect.ReleaseSeal e ->
            blocking(
                thread.mayBlock(),
                releases,
                () -> behalf(e.recallId(), () -> releaseSeal(file, e, thread)));
        case Effect.ReleaseTarget e -> release(e.target(), thread);
        case Effect.StartTimer e ->
            e.slot()
                .start(
                    timers,
                    e.delayNanos(),
                    () -> dispatcher.dispatch(file, e.event(), OnThread.OF_EVENT));
        case Effect.CancelTimer e -> e.slot().cancel();
        case Effect.Answer<?> e -> e.run();
        case Effect.Tell e -> tell(e.event());
      }
    }
  }

  /** Whoever is called from here may take as long as a network or a kernel takes. */
  private static void assertUnlocked(FileLayouts file) {
    assert !Thread.holdsLock(file) : "the lock of " + file.path + " is held over its effects";
  }

  private static int lastInvalidation(List<Effect> effects) {
    int last = effects.size() - 1;
    while (last >= 0 && !(effects.get(last) instanceof Effect.Invalidate)) {
      last--;
    }
    return last;
  }

  /** Whatever is logged meanwhile on this thread carries the recall's number. */
  private static void behalf(long recallId, Runnable work) {
    if (recallId == 0) {
      work.run();
      return;
    }
    String outer = MDC.get(LayoutEvents.RECALL_CONTEXT);
    MDC.put(LayoutEvents.RECALL_CONTEXT, Long.toString(recallId));
    try {
      work.run();
    } finally {
      if (outer == null) {
        MDC.remove(LayoutEvents.RECALL_CONTEXT);
      } else {
        MDC.put(LayoutEvents.RECALL_CONTEXT, outer);
      }
    }
  }

  private void blocking(boolean mayBlock, Executor executor, Runnable task) {
    if (mayBlock) {
      task.run();
      return;
    }
    try {
      executor.execute(task);
    } catch (RejectedExecutionException e) {
      // The server is coming down; a seal that is not given up would be worse than a short block.
      LOG.debug("the executor takes nothing more: working on the present thread", e);
      task.run();
    }
  }

  private void startGrant(FileLayouts file, GrantOp op, boolean here) {
    blocking(
        here,
        grants,
        () -> {
          FileEvent outcome =
              worker.work(op, event -> dispatcher.dispatch(file, event, OnThread.OF_EVENT));
          dispatcher.dispatch(file, outcome, here ? OnThread.OF_REQUEST : OnThread.OF_SERVER);
          if (op.error != null) {
            throw op.error;
          }
        });
  }

  /**
   * @param mayWait whether the thread may wait for the end of accesses through it
   */
  private void invalidate(
      FileLayouts file, Effect.Invalidate effect, OnThread thread, boolean mayWait) {
    Part part = effect.part();
    // Who is fenced may be slow on purpose, and others wait behind this thread; who gives back a
    // layout of his waits for his own accesses.
    boolean here = mayWait && !effect.fenced();
    // S3 waits for the peer, but not for ever: then its queue pair is broken.
    TimerSlot budget = new TimerSlot();
    CompletableFuture<Void> future;
    if (here) {
      budget.start(timers, policy.get().fenceBudgetNanos(), part.handle::abort);
      future = invalidation(part.handle::invalidateHere);
    } else {
      future = invalidation(asking(effect));
    }
    if (future.isDone()) {
      budget.cancel();
      ended(file, effect, future, thread);
      return;
    }
    if (!here) {
      budget.start(timers, policy.get().fenceBudgetNanos(), part.handle::abort);
    }
    future.whenComplete((_, _) -> {
      budget.cancel();
      behalf(effect.recallId(), () -> ended(file, effect, future, OnThread.OF_EVENT));
    });
  }

  private static Supplier<CompletionStage<Void>> asking(Effect.Invalidate effect) {
    LayoutHandle handle = effect.part().handle;
    return effect.fenced() ? handle::revoke : handle::invalidate;
  }

  private static CompletableFuture<Void> invalidation(Supplier<CompletionStage<Void>> asked) {
    try {
      return asked.get().toCompletableFuture();
    } catch (RuntimeException e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  private void ended(
      FileLayouts file, Effect.Invalidate effect, CompletableFuture<Void> first, OnThread thread) {
    if (!first.isCompletedExceptionally()) {
      dead(file, effect, thread);
      return;
    }
    // Nobody knows whether the handle works: the peer is cut off, and it is asked once more.
    Part part = effect.part();
    LOG.error(
        "invalidation of {} {} failed: breaking its queue pairs",
        file.path,
        part.range,
        first.exceptionNow());
    part.handle.abort();
    invalidation(asking(effect))
        .whenComplete((_, failure) -> {
          if (failure == null) {
            dead(file, effect, OnThread.OF_EVENT);
            return;
          }
          LOG.error(
              "S3: {} {} may still be reachable by client {}; its seal is kept: end that client's"
                  + " connections, or restart the server",
              file.path,
              part.range,
              Long.toHexString(part.clientId()),
              failure);
          tell(file, effect, Step.INVALIDATION_FAILED, String.valueOf(failure.getMessage()));
        });
  }

  private void dead(FileLayouts file, Effect.Invalidate effect, OnThread thread) {
    Part part = effect.part();
    part.seal.removeHandle(part.blocks);
    tell(file, effect, Step.HANDLE_INVALIDATED, effect.fenced() ? "fenced" : "returned");
    dispatcher.dispatch(file, new FileEvent.PartDead(part), thread);
  }

  private void tell(FileLayouts file, Effect.Invalidate effect, Step step, String detail) {
    tell(
        new LayoutEvents.Event(
            clock.nanoTime(),
            step,
            effect.recallId(),
            file.identity,
            file.path,
            effect.part().clientId(),
            effect.cause(),
            effect.part().range.length(),
            detail));
  }

  /** On the thread of who asked for it: what is done here does not wait for anybody. */
  private void startDelegation(FileLayouts file, DelegationOp op) {
    FileEvent outcome =
        worker.lease(op, event -> dispatcher.dispatch(file, event, OnThread.OF_EVENT));
    dispatcher.dispatch(file, outcome, OnThread.OF_REQUEST);
    if (op.error != null) {
      throw op.error;
    }
  }

  private void send(FileLayouts file, Effect.SendDelegationRecall effect) {
    assertUnlocked(file);
    Delegation delegation = effect.delegation();
    try {
      delegationCallbacks.recall(
          effect.message(),
          (outcome, status) ->
              dispatcher.dispatch(
                  file,
                  new FileEvent.DelegationRecallAnswered(delegation, outcome, status),
                  OnThread.OF_EVENT));
    } catch (RuntimeException e) {
      LOG.error("recall {} could not be handed over", effect.message().recallId(), e);
      dispatcher.dispatch(
          file,
          new FileEvent.DelegationRecallAnswered(
              delegation, CallbackChannel.Outcome.NO_BACK_CHANNEL, 0),
          OnThread.OF_EVENT);
    }
  }

  private void ask(FileLayouts file, Effect.AskHolder effect) {
    assertUnlocked(file);
    Delegation delegation = effect.delegation();
    int question = effect.question();
    try {
      delegationCallbacks.attributes(
          effect.message(),
          said ->
              dispatcher.dispatch(
                  file, new FileEvent.ViewAnswered(delegation, question, said), OnThread.OF_EVENT));
    } catch (RuntimeException e) {
      LOG.error("CB_GETATTR for {} could not be handed over", file.path, e);
      dispatcher.dispatch(
          file,
          new FileEvent.ViewAnswered(delegation, question, Optional.empty()),
          OnThread.OF_EVENT);
    }
  }

  private void send(FileLayouts file, Effect.SendRecall effect) {
    assertUnlocked(file);
    PendingRecall recall = effect.recall();
    try {
      callbacks.layoutRecall(
          effect.message(),
          (outcome, status) ->
              dispatcher.dispatch(
                  file, new FileEvent.RecallAnswered(recall, outcome, status), OnThread.OF_EVENT));
    } catch (RuntimeException e) {
      LOG.error("recall {} could not be handed over", effect.message().recallId(), e);
      dispatcher.dispatch(
          file,
          new FileEvent.RecallAnswered(recall, CallbackChannel.Outcome.NO_BACK_CHANNEL, 0),
          OnThread.OF_EVENT);
    }
  }

  /** Gives a description back; to close it lasts as long as its disk does. */
  private static void release(SealTarget target, OnThread thread) {
    if (thread.mayClose()) {
      target.release();
    } else {
      target.releaseElsewhere();
    }
  }

  private void releaseSeal(FileLayouts file, Effect.ReleaseSeal effect, OnThread thread) {
    int live = effect.seal().liveHandles();
    if (live != 0) {
      throw new IllegalStateException(
          "S1: the seal of " + file.path + " is to go, but counts " + live + " handles");
    }
    long at = effect.seal().release();
    // Whoever gives a layout or a delegation back must not wait for a close.
    effect.target().releaseElsewhere();
    tell(
        new LayoutEvents.Event(
            at,
            Step.SEAL_RELEASED,
            effect.recallId(),
            file.identity,
            file.path,
            0,
            effect.cause(),
            0,
            ""));
    dispatcher.dispatch(
        file, new FileEvent.SealReleased(), thread.mayBlock() ? thread : OnThread.OF_SERVER);
  }

  private void tell(LayoutEvents.Event event) {
    try {
      events.on(event);
    } catch (RuntimeException e) {
      LOG.error("a listener failed on {}", event, e);
    }
  }
}
