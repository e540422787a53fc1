package io.selkie.server;

import io.selkie.config.ExportConfig;
import io.selkie.config.time.Timers;
import io.selkie.layout.LayoutArbiter;
import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.lease.FileIdentity;
import io.selkie.posix.Kernel;
import io.selkie.posix.Mounts;
import io.selkie.posix.PosixException;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.server.identity.Admission;
import io.selkie.server.identity.ExportAccess;
import io.selkie.server.identity.HostNames;
import io.selkie.server.offload.Offloads;
import io.selkie.server.state.OpenTable;
import io.selkie.server.vfs.Export;
import io.selkie.server.vfs.ExportOpener;
import io.selkie.server.vfs.FileSystemKey;
import io.selkie.server.vfs.PassthroughFileSystem;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The exports of a running server, and how they become others.
 *
 * <p><b>What happens to an export</b> that is not among the new ones, or leads to another
 * directory: its files get no new layouts; those that are out are recalled while clients can still
 * return them, and so are delegations; then its name and its filehandles are gone (NFS4ERR_STALE),
 * and operations that come later are refused; those that had begun are waited for ({@link
 * ExportRemovals}); what was granted in between is recalled, asynchronous copies, opens and locks
 * are revoked (NFS4ERR_ADMIN_REVOKED), and its directory is let go, so that it can be unmounted.
 * One that takes the place of another one under the same name comes after that. Whose rules, or
 * right to layouts or to changes, differ: these count at once, and layouts are recalled so that
 * they count for one-sided access too. The others notice nothing.
 *
 * <p>Safe for use by several threads; one change is made after the other, on a thread of its own.
 */
final class LiveExports implements ExportRemovals.Sweep, Mounts.Listener {

  private static final Logger LOG = LoggerFactory.getLogger(LiveExports.class);

  /** Far longer than a piece of a copy takes on a disk that answers. */
  private static final int COPIES_WAIT_SECONDS = 10;

  private record Live(ExportConfig config, Export export) {}

  private record Absent(ExportConfig config, FileSystemKey fileSystem) {}

  private final Kernel kernel;
  private final ExportOpener opener;
  private final PassthroughFileSystem fs;
  private final Admission admission;
  private final Set<String> layoutExports;
  private final OpenTable opens;
  private final LayoutArbiter arbiter;
  private final Offloads offloads;
  private final InstantSource clock;
  private final Executor thread;
  private final Consumer<Export> added;
  private final Consumer<Export> gone;
  private final Duration patience;
  private final ExportRemovals removals;
  private final AtomicBoolean mountsToFollow = new AtomicBoolean();
  private volatile Map<String, Live> current;

  /** What is wanted and was unmounted underneath, by name. */
  private volatile Map<String, Absent> absent = Map.of();

  /**
   * Of a server that serves some already.
   *
   * @param layoutExports is kept up to date
   * @param thread a single one, that may block
   * @param patience longer than a recall and a fence may take
   * @param removing starts each task at once: it may hang as long as a disk does
   * @param added takes what comes, to close it at the end
   * @param gone takes what needs not be closed any more
   */
  LiveExports(
      List<ExportConfig> configs,
      Kernel kernel,
      ExportOpener opener,
      PassthroughFileSystem fs,
      Admission admission,
      Set<String> layoutExports,
      OpenTable opens,
      LayoutArbiter arbiter,
      Offloads offloads,
      InstantSource clock,
      Executor thread,
      Duration patience,
      Timers timers,
      Executor removing,
      Consumer<Export> added,
      Consumer<Export> gone) {
    this.kernel = kernel;
    this.opener = opener;
    this.fs = fs;
    this.admission = admission;
    this.layoutExports = layoutExports;
    this.opens = opens;
    this.arbiter = arbiter;
    this.offloads = offloads;
    this.clock = clock;
    this.thread = thread;
    this.added = added;
    this.gone = gone;
    this.patience = patience;
    this.removals = new ExportRemovals(this, patience, timers, removing, this::hasLeft);
    Map<String, Export> byName = new HashMap<>();
    fs.exports().forEach(export -> byName.put(export.name(), export));
    Map<String, Live> live = new LinkedHashMap<>();
    configs.forEach(config -> live.put(config.name(), new Live(config, byName.get(config.name()))));
    this.current = live;
  }

  /** Names of what is wanted but was unmounted underneath. */
  Set<String> unmounted() {
    return Set.copyOf(absent.keySet());
  }

  /** What is served now. */
  List<ExportConfig> configs() {
    return current.values().stream().map(Live::config).toList();
  }

  /** What is to be served: what is served now, and what was unmounted underneath. */
  List<ExportConfig> wanted() {
    Map<String, ExportConfig> wanted = new LinkedHashMap<>();
    current.values().forEach(live -> wanted.put(live.config.name(), live.config));
    absent.values().forEach(gone -> wanted.putIfAbsent(gone.config.name(), gone.config));
    return List.copyOf(wanted.values());
  }

  /** The rules of some exports; names of hosts are looked up now. */
  static Map<String, ExportAccess> access(List<ExportConfig> exports) {
    HostNames names = new HostNames();
    Map<String, ExportAccess> access = new HashMap<>();
    exports.forEach(e -> access.put(e.name(), ExportAccess.of(e.clients(), names)));
    return access;
  }

  /**
   * Serves exactly these exports.
   *
   * @param wanted valid together, as a loaded configuration is
   * @return completes when it is so, after the last layout of what went has come back or was
   *     fenced; exceptionally with an {@link IOException} when one cannot be served: then nothing
   *     changed; or with an {@link ExportBusyException} when one that goes cannot be left: then all
   *     else is as wanted
   */
  CompletableFuture<Void> apply(List<ExportConfig> wanted) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            change(List.copyOf(wanted));
            forgetUnwanted(wanted);
          } catch (ExportBusyException e) {
            forgetUnwanted(wanted);
            throw new CompletionException(e);
          } catch (IOException e) {
            throw new CompletionException(e);
          }
        },
        thread);
  }

  /** Whoever is not there comes back as it is wanted now. */
  private void forgetUnwanted(List<ExportConfig> wanted) {
    Map<String, Absent> left = new HashMap<>();
    for (ExportConfig config : wanted) {
      Absent gone = absent.get(config.name());
      if (gone != null
          && gone.config.path().equals(config.path())
          && !current.containsKey(config.name())) {
        left.put(config.name(), new Absent(config, gone.fileSystem));
      }
    }
    absent = left;
  }

  private void change(List<ExportConfig> wanted) throws IOException {
    Map<String, Live> before = current;
    Map<String, Live> after = new LinkedHashMap<>();
    List<Export> opened = new ArrayList<>();
    try {
      for (ExportConfig config : wanted) {
        if (staysAway(config)) {
          continue;
        }
        Live old = before.get(config.name());
        boolean stays =
            old != null
                && old.config.path().equals(config.path())
                && Objects.equals(old.config.file(), config.file());
        Export export = stays ? old.export : open(config, opened);
        after.put(config.name(), new Live(config, export));
      }
      // What comes is there before anything goes; it also shows whether they fit together.
      Map<String, Live> both = new LinkedHashMap<>(after);
      both.putAll(before);
      serve(both);
    } catch (ExportBusyException e) {
      opened.forEach(Export::close);
      // Not as it is: nothing has changed here.
      throw new IOException(e.getMessage(), e);
    } catch (IOException | RuntimeException e) {
      opened.forEach(Export::close);
      throw e;
    }
    opened.forEach(added);
    Map<String, ExportAccess> access = access(wanted);
    Map<String, ExportAccess> meanwhile = access(configs());
    meanwhile.putAll(access);
    admission.replace(meanwhile);
    List<Export> leaving = new ArrayList<>();
    Set<Export> tighter = new HashSet<>();
    Set<Export> copiesEnd = new HashSet<>();
    for (Live old : before.values()) {
      Live now = after.get(old.config.name());
      if (now == null || now.export != old.export) {
        leaving.add(old.export);
        layoutExports.remove(old.config.name());
      } else if (!now.config.equals(old.config)) {
        tighter.add(old.export);
        old.export.readOnly(now.config.readOnly());
        if (mayForbidCopies(old.config, now.config)) {
          copiesEnd.add(old.export);
        }
      }
    }
    // One that takes the place of another one comes when that is gone: their files have the same
    // numbers.
    Set<Integer> going = numbersOf(leaving);
    Map<String, Live> first = new LinkedHashMap<>(after);
    first.values().removeIf(live -> going.contains(live.export.number()));
    offerLayouts(first);
    stopCopies(copiesEnd);
    tighter.addAll(leaving);
    recall(heldIn(tighter));
    serve(first);
    admission.replace(access);
    current = first;
    IOException hangs = remove(leaving);
    if (first.size() < after.size()) {
      after.values().removeIf(this::isKeptOut);
      serve(after);
      offerLayouts(after);
      current = after;
    }
    LOG.info(
        "exports now: {}; {} came, {} went",
        String.join(", ", after.keySet()),
        opened.size(),
        leaving.size());
    if (hangs != null) {
      throw hangs;
    }
  }

  /**
   * Whether it was unmounted and what its path leads to now is something else, as the directory
   * that it was mounted on: that was never meant to be served.
   */
  private boolean staysAway(ExportConfig config) {
    Absent gone = absent.get(config.name());
    boolean away = gone != null && gone.config.path().equals(config.path()) && !isThere(gone);
    if (away) {
      LOG.warn(
          "export {}: {} is not mounted, so it is not served; mount it, or to serve what is there"
              + " now, take the export away and add it again",
          config.name(),
          config.path());
    }
    return away;
  }

  private boolean isThere(Absent gone) {
    return FileSystemKey.at(kernel, gone.config.path().toString())
        .filter(gone.fileSystem::equals)
        .isPresent();
  }

  /**
   * Something was mounted or unmounted: exports whose file system was unmounted underneath go, as
   * if they were taken away, and come back by themselves when the same one is mounted there again.
   * Safe to be called often, from any thread; works on the thread of the exports.
   */
  @Override
  public void changed() {
    if (mountsToFollow.compareAndSet(false, true)) {
      thread.execute(this::followMounts);
    }
  }

  @Override
  public void failed(PosixException why) {
    LOG.error("an export that is unmounted underneath is served until it is taken away", why);
  }

  private void followMounts() {
    mountsToFollow.set(false);
    try {
      Set<Integer> present = Mounts.present();
      Map<String, Absent> away = new HashMap<>(absent);
      List<ExportConfig> wanted = new ArrayList<>();
      for (Live live : current.values()) {
        if (!live.export.isUnmounted(present)) {
          wanted.add(live.config);
          continue;
        }
        LOG.error(
            "export {}: the file system of {} was unmounted underneath; what clients have there is"
                + " taken from them and it is let go. It comes back when it is mounted there again",
            live.config.name(),
            live.config.path());
        away.put(live.config.name(), new Absent(live.config, live.export.fileSystem()));
      }
      absent = away;
      if (!wanted.equals(configs())) {
        follow(wanted);
      }
      // One after the other: one that cannot come yet keeps no other from going or coming.
      for (Absent gone : away.values()) {
        if (!current.containsKey(gone.config.name()) && isThere(gone)) {
          LOG.info("export {}: {} is mounted again", gone.config.name(), gone.config.path());
          List<ExportConfig> more = new ArrayList<>(configs());
          more.add(gone.config);
          follow(more);
        }
      }
      Map<String, Absent> left = new HashMap<>(away);
      left.keySet().removeAll(current.keySet());
      absent = left;
    } catch (IOException | RuntimeException e) {
      LOG.error("the exports do not follow the mounts as they should", e);
    }
  }

  private void follow(List<ExportConfig> wanted) {
    try {
      change(wanted);
    } catch (IOException | RuntimeException e) {
      LOG.error("the exports do not follow the mounts as they should", e);
    }
  }

  /** What was mounted again before it had gone for good can come now. */
  private void hasLeft(Export export) {
    gone.accept(export);
    if (!absent.isEmpty()) {
      changed();
    }
  }

  /** Whether the one whose place it takes does not go; then it is let go itself. */
  private boolean isKeptOut(Live live) {
    if (!removals.isGoing(live.export)) {
      return false;
    }
    live.export.close();
    gone.accept(live.export);
    return true;
  }

  /** Takes all of them away at the same time; what was wrong with one, or null. */
  private IOException remove(List<Export> leaving) {
    IOException wrong = null;
    for (CompletableFuture<Void> removal : leaving.stream().map(removals::begin).toList()) {
      try {
        removal.join();
      } catch (CompletionException e) {
        IOException failure =
            e.getCause() instanceof IOException busy ? busy : new IOException(e.getCause());
        if (wrong == null) {
          wrong = failure;
        } else {
          wrong.addSuppressed(failure);
        }
      }
    }
    return wrong;
  }

  private void offerLayouts(Map<String, Live> exports) {
    exports.forEach((name, live) -> {
      if (live.config.layouts()) {
        layoutExports.add(name);
      } else {
        layoutExports.remove(name);
      }
    });
  }

  private Export open(ExportConfig config, List<Export> opened) throws IOException {
    Export export = opener.open(config);
    opened.add(export);
    if (removals.isGoing(export)) {
      throw new ExportBusyException(export, "an earlier removal of it");
    }
    return export;
  }

  private void serve(Map<String, Live> exports) throws PosixException {
    fs.serve(
        exports.values().stream().map(Live::export).toList(), clock.instant().getEpochSecond());
  }

  /** Whether what began under the old rules might be forbidden by the new ones. */
  private static boolean mayForbidCopies(ExportConfig old, ExportConfig now) {
    return (now.readOnly() && !old.readOnly()) || !now.clients().equals(old.clients());
  }

  private static Set<Integer> numbersOf(Collection<Export> exports) {
    Set<Integer> numbers = new HashSet<>();
    exports.forEach(export -> numbers.add(export.number()));
    return numbers;
  }

  private static Predicate<byte[]> handlesOf(Set<Export> exports) {
    Set<Integer> numbers = numbersOf(exports);
    return handle -> numbers.contains(PassthroughFileSystem.exportIdOf(handle));
  }

  /** The files that somebody has open, or has a delegation of, which may do without an open. */
  private Set<FileIdentity> filesOf(Set<Export> exports) {
    Predicate<byte[]> handles = handlesOf(exports);
    Set<FileIdentity> files = new HashSet<>(opens.filesWhere(handles));
    files.addAll(arbiter.delegations().filesWhere(handles));
    return files;
  }

  /** The same, and what layouts were given of by handles of these, though opened by others. */
  private Set<FileIdentity> heldIn(Set<Export> exports) {
    Set<FileIdentity> files = filesOf(exports);
    files.addAll(arbiter.survey().filesHeldBy(handlesOf(exports)));
    return files;
  }

  /** Ends the asynchronous copies from and to these; waits for what is being copied just now. */
  private void stopCopies(Set<Export> exports) {
    offloads
        .stop(handlesOf(exports), NfsStat4.NFS4ERR_ADMIN_REVOKED)
        .orTimeout(COPIES_WAIT_SECONDS, TimeUnit.SECONDS)
        .exceptionally(e -> {
          LOG.warn("copies of {} go on until their disk answers", exports, e);
          return null;
        })
        .join();
  }

  /**
   * Waits until every layout and delegation of the files is back or fenced, which has a deadline;
   * but what cannot be fenced at all (an alarm of its own) is not waited for without end.
   */
  private void recall(Set<FileIdentity> files) {
    CompletableFuture.allOf(
            files.stream()
                .map(file ->
                    arbiter
                        .recall(
                            new RecallFilter(
                                OptionalLong.empty(), Optional.of(file), OptionalLong.empty()),
                            RecallCause.ADMINISTRATIVE)
                        .toCompletableFuture())
                .toArray(CompletableFuture[]::new))
        .orTimeout(patience.toNanos(), TimeUnit.NANOSECONDS)
        .exceptionally(e -> {
          LOG.error("layouts or delegations of {} files are not back; going on", files.size(), e);
          return null;
        })
        .join();
  }

  @Override
  public void sweep(Export export) {
    Set<FileIdentity> files = filesOf(Set.of(export));
    recall(heldIn(Set.of(export)));
    stopCopies(Set.of(export));
    opens.revokeFiles(files, NfsStat4.NFS4ERR_ADMIN_REVOKED);
    fs.openFiles().awaitClosings(export);
  }

  @Override
  public void retire(Export export) throws PosixException {
    fs.retire(export);
  }
}
