package io.selkie.layout;

import io.selkie.config.time.NanoClock;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.Seal;
import io.selkie.lease.SealMode;
import io.selkie.lease.SealState;
import io.selkie.protocol.nfs4.Stateid4;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What is held, for those who only look: administrators.
 *
 * <p>A walk goes from file to file and takes each file's lock for so short a time that nobody
 * waiting for it notices: to copy references, then to read dozens of layouts at a time. No lock is
 * held between two calls of an iterator, so its user may write to a socket for as long as that
 * takes. What a walk tells of each file was true at some moment; what comes or goes during it may
 * be in it or not; what stays is in it once.
 *
 * <p>An iterator is used by one thread. The survey may be shared.
 */
public final class LayoutSurvey {

  /** Layouts, or parts of them where they have many, read under one hold of a file's lock. */
  static final int BATCH = 64;

  /** Of an arbiter that has nothing. */
  public static final LayoutSurvey EMPTY = new LayoutSurvey(List.of(), () -> 0);

  /** Where layouts can stand, as views say it in small letters. */
  public static final List<String> LAYOUT_STATES =
      Stream.of(LayoutPhase.values()).map(LayoutSurvey::word).toList();

  /** Where delegations can stand. */
  public static final List<String> DELEGATION_STATES =
      Stream.of(DelegationState.values())
          .filter(DelegationState::isHeld)
          .map(LayoutSurvey::word)
          .toList();

  /** Where files that are not unsealed can stand. */
  public static final List<String> SEAL_STATES =
      Stream.of(FileState.values())
          .filter(state -> state != FileState.UNSEALED)
          .map(LayoutSurvey::word)
          .toList();

  private final Collection<FileLayouts> files;
  private final NanoClock clock;

  LayoutSurvey(Collection<FileLayouts> files, NanoClock clock) {
    this.files = files;
    this.clock = clock;
  }

  /**
   * A recall that is under way.
   *
   * @param id as in the log and the events
   * @param remainingNanos to the fence; negative when it is being fenced
   */
  public record RecallView(long id, RecallCause cause, long remainingNanos) {}

  /** Where a layout stands, of its parts the one that is furthest. */
  public enum LayoutPhase {
    /** Held. */
    GRANTED,
    /** The client was asked to return it. */
    RECALLED,
    /** Returned; its handles are being invalidated. */
    RETURNING,
    /** Taken by force; its handles are being invalidated. */
    FENCING
  }

  /**
   * What one LAYOUTGET granted.
   *
   * @param path export's name and path below it, for people
   * @param ioMode LAYOUTIOMODE4_READ or RW
   * @param handles registered ranges that are not dead yet
   * @param holes ranges it was told of as holes
   */
  public record LayoutView(
      FileIdentity file,
      String path,
      long clientId,
      int layoutType,
      Stateid4 stateid,
      int ioMode,
      long offset,
      long length,
      LayoutPhase phase,
      int handles,
      int holes,
      Optional<RecallView> recall) {}

  /**
   * A file that is sealed, or on the way there or back.
   *
   * @param phase where the file stands: sealing, sealed, recalling, fencing, unsealing
   * @param mode empty while the lease is not held yet
   * @param state the seal's own state; empty as long as there is none
   * @param exact whether the mapping is the storage
   * @param handles that live
   * @param clients holding layouts
   * @param layoutParts handles and holes, as the arbiter counts them
   * @param delegations resting on it
   * @param kernelRemainingNanos until the kernel takes the lease; empty unless it is being broken
   */
  public record SealView(
      FileIdentity file,
      String path,
      String phase,
      Optional<SealMode> mode,
      Optional<SealState> state,
      boolean exact,
      int handles,
      int clients,
      int layoutParts,
      int delegations,
      Optional<RecallView> recall,
      OptionalLong kernelRemainingNanos) {}

  /**
   * A delegation.
   *
   * @param phase granted or recalled
   */
  public record DelegationView(
      FileIdentity file,
      String path,
      long clientId,
      Stateid4 stateid,
      DelegationType type,
      boolean times,
      String phase,
      Optional<RecallView> recall) {}

  /**
   * Files of which somebody holds a layout by such a filehandle, whatever handle opened them.
   *
   * @param fileHandle called without a lock; not to change what it is given
   */
  public Set<FileIdentity> filesHeldBy(Predicate<byte[]> fileHandle) {
    Set<FileIdentity> found = new HashSet<>();
    for (FileLayouts file : files) {
      List<Hold> holds;
      synchronized (file) {
        holds = file.everyHold();
      }
      if (holds.stream().anyMatch(hold -> fileHandle.test(hold.fileHandle))) {
        found.add(file.identity);
      }
    }
    return found;
  }

  /** Layouts of the files that are wanted, of one client or of all. */
  public Iterator<LayoutView> layouts(Predicate<FileIdentity> wanted, OptionalLong clientId) {
    return new Walk<>(wanted) {
      private Deque<Segment> rest = new ArrayDeque<>(0);
      private FileLayouts file;

      @Override
      void begin(FileLayouts next) {
        file = next;
        rest = segments(next, clientId);
      }

      @Override
      boolean more(List<LayoutView> views) {
        if (rest.isEmpty()) {
          return false;
        }
        long now = clock.nanoTime();
        synchronized (file) {
          for (int cost = 0; cost < BATCH && !rest.isEmpty(); ) {
            Segment segment = rest.poll();
            cost += Math.max(1, segment.parts.length);
            if (segment.liveParts > 0) {
              views.add(view(file, segment, now));
            }
          }
        }
        return !rest.isEmpty();
      }
    };
  }

  /** Only references: a million of them are copied in a millisecond. */
  private static Deque<Segment> segments(FileLayouts file, OptionalLong clientId) {
    List<Segment[]> found = new ArrayList<>(1);
    synchronized (file) {
      for (Hold hold : file.everyHold()) {
        if (clientId.isEmpty() || hold.clientId == clientId.getAsLong()) {
          found.add(hold.segments());
        }
      }
    }
    Deque<Segment> all = new ArrayDeque<>(found.stream().mapToInt(array -> array.length).sum());
    for (Segment[] segments : found) {
      for (Segment segment : segments) {
        all.add(segment);
      }
    }
    return all;
  }

  private static LayoutView view(FileLayouts file, Segment segment, long now) {
    LayoutPhase phase = LayoutPhase.GRANTED;
    int handles = 0;
    int holes = 0;
    Recall recall = null;
    for (Part part : segment.parts) {
      if (!part.state().isLive()) {
        continue;
      }
      if (part.isHole()) {
        holes++;
      } else {
        handles++;
      }
      LayoutPhase its = phaseOf(part.state());
      if (its.compareTo(phase) > 0) {
        phase = its;
      }
      if (!part.recalls().isEmpty()) {
        recall = part.recalls().getFirst();
      }
    }
    Hold hold = segment.hold;
    return new LayoutView(
        file.identity,
        file.path,
        hold.clientId,
        hold.layoutType,
        hold.stateid(),
        segment.ioMode,
        segment.range.offset(),
        segment.range.length(),
        phase,
        handles,
        holes,
        recall == null
            ? Optional.empty()
            : Optional.of(new RecallView(recall.id, recall.cause, recall.deadlineNanos - now)));
  }

  private static LayoutPhase phaseOf(LayoutState state) {
    return switch (state) {
      case GRANTED -> LayoutPhase.GRANTED;
      case RECALLED -> LayoutPhase.RECALLED;
      case RETURNING, RETURNED -> LayoutPhase.RETURNING;
      case FENCING, REVOKED -> LayoutPhase.FENCING;
    };
  }

  /** Files that are not unsealed. */
  public Iterator<SealView> seals(Predicate<FileIdentity> wanted) {
    return new WholeFiles<>(wanted) {
      @Override
      void one(FileLayouts file, List<SealView> views) {
        seal(file).ifPresent(views::add);
      }
    };
  }

  private Optional<SealView> seal(FileLayouts file) {
    Seal seal;
    SealView view;
    long now = clock.nanoTime();
    synchronized (file) {
      if (file.state() == FileState.UNSEALED) {
        return Optional.empty();
      }
      seal = file.seal;
      view =
          new SealView(
              file.identity,
              file.path,
              word(file.state()),
              Optional.empty(),
              Optional.empty(),
              false,
              0,
              file.everyHold().size(),
              file.liveParts(),
              file.delegations.all().size(),
              file.recalls.underWay(now),
              OptionalLong.empty());
    }
    // The seal has a lock of its own.
    return Optional.of(seal == null ? view : with(view, seal, now));
  }

  private static SealView with(SealView view, Seal seal, long now) {
    OptionalLong deadline = seal.deadlineNanos();
    return new SealView(
        view.file,
        view.path,
        view.phase,
        Optional.ofNullable(seal.mode()),
        Optional.of(seal.state()),
        seal.exact(),
        seal.liveHandles(),
        view.clients,
        view.layoutParts,
        view.delegations,
        view.recall,
        deadline.isPresent() ? OptionalLong.of(deadline.getAsLong() - now) : OptionalLong.empty());
  }

  /** Delegations of the files that are wanted, of one client or of all. */
  public Iterator<DelegationView> delegations(
      Predicate<FileIdentity> wanted, OptionalLong clientId) {
    return new WholeFiles<>(wanted) {
      @Override
      void one(FileLayouts file, List<DelegationView> views) {
        long now = clock.nanoTime();
        synchronized (file) {
          for (Delegation held : file.delegations.all()) {
            if (clientId.isEmpty() || held.clientId() == clientId.getAsLong()) {
              views.add(view(file, held, now));
            }
          }
        }
      }
    };
  }

  private static DelegationView view(FileLayouts file, Delegation held, long now) {
    return new DelegationView(
        file.identity,
        file.path,
        held.clientId(),
        held.stateid,
        held.request.type(),
        held.request.times(),
        word(held.state()),
        held.state() == DelegationState.RECALLED
            ? Optional.of(new RecallView(held.recallId, held.cause, held.deadlineNanos - now))
            : Optional.empty());
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /** From file to file; the table of files lets itself be walked while it changes. */
  private abstract class Walk<T> implements Iterator<T> {
    private final Predicate<FileIdentity> wanted;
    private final Iterator<FileLayouts> each = files.iterator();
    private final ArrayDeque<T> ready = new ArrayDeque<>();
    private final List<T> found = new ArrayList<>();
    private boolean unfinished;

    Walk(Predicate<FileIdentity> wanted) {
      this.wanted = wanted;
    }

    /** Another file; what it has is asked for by {@link #more}. */
    abstract void begin(FileLayouts file);

    /** Some more of the file; whether there is yet more. */
    abstract boolean more(List<T> views);

    @Override
    public boolean hasNext() {
      while (ready.isEmpty()) {
        if (!unfinished) {
          if (!each.hasNext()) {
            return false;
          }
          FileLayouts next = each.next();
          if (!wanted.test(next.identity)) {
            continue;
          }
          begin(next);
        }
        unfinished = more(found);
        ready.addAll(found);
        found.clear();
      }
      return true;
    }

    @Override
    public T next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return ready.poll();
    }
  }

  /** A walk over files each of which has little to tell. */
  private abstract class WholeFiles<T> extends Walk<T> {
    private FileLayouts file;

    WholeFiles(Predicate<FileIdentity> wanted) {
      super(wanted);
    }

    abstract void one(FileLayouts of, List<T> views);

    @Override
    void begin(FileLayouts next) {
      file = next;
    }

    @Override
    boolean more(List<T> views) {
      one(file, views);
      return false;
    }
  }
}
