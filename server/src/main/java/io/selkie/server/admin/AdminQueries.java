package io.selkie.server.admin;

import io.selkie.config.ExportConfig;
import io.selkie.layout.Holdings;
import io.selkie.layout.LayoutSurvey;
import io.selkie.layout.LayoutSurvey.SealView;
import io.selkie.lease.FileIdentity;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.admin.ListKind.State;
import io.selkie.server.admin.Rows.ClientRow;
import io.selkie.server.admin.Rows.ConnectionRow;
import io.selkie.server.admin.Rows.DelegationRow;
import io.selkie.server.admin.Rows.DeviceRow;
import io.selkie.server.admin.Rows.ExportRow;
import io.selkie.server.admin.Rows.LayoutRow;
import io.selkie.server.admin.Rows.LockRow;
import io.selkie.server.admin.Rows.OpenRow;
import io.selkie.server.admin.Rows.RuleRow;
import io.selkie.server.admin.Rows.SealRow;
import io.selkie.server.admin.Rows.SessionRow;
import io.selkie.server.admin.Rows.Status;
import io.selkie.server.media.MediaErrors;
import io.selkie.server.metrics.Metric;
import io.selkie.server.session.SessionSurvey.ClientView;
import io.selkie.server.session.SessionSurvey.SessionView;
import io.selkie.server.state.StateSurvey;
import io.selkie.server.vfs.Export;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * Lists as rows. Each is made while it is read, so that a million rows need no memory, and no lock
 * is held between two of them.
 */
final class AdminQueries {

  private static final HexFormat HEX = HexFormat.of();

  private final AdminParts parts;

  AdminQueries(AdminParts parts) {
    this.parts = parts;
  }

  /** A list and what tells its rows apart. */
  record Listing<T>(Iterator<T> rows, Function<T, String> id, Function<T, String> state) {}

  /**
   * What a request means. A device that no export is on, and nothing that is held either, is
   * refused, because a list of what is on it would always be empty.
   */
  Selection selection(AdminRequest request) throws AdminException {
    Selection selection = Selection.of(request, parts.control());
    if (selection.device().isPresent()) {
      long wanted = selection.device().getAsLong();
      List<String> known =
          parts.control().exports().stream()
              .map(export -> FileIdentity.deviceText(export.device()))
              .distinct()
              .sorted()
              .toList();
      // What is held of an export that could not be left has to be in reach still.
      if (!known.contains(FileIdentity.deviceText(wanted)) && !isAnythingHeldOn(wanted)) {
        throw new AdminException(
            Code.NOT_FOUND,
            "no export is on the device '%s'; they are on %s"
                .formatted(FileIdentity.deviceText(wanted), String.join(", ", known)));
      }
    }
    return selection;
  }

  private boolean isAnythingHeldOn(long device) {
    return parts.arbiter().survey().seals(file -> file.device() == device).hasNext()
        || any(StateSurvey.opens(parts.opens()), open -> open.file().device() == device)
        || any(StateSurvey.locks(parts.locks()), lock -> lock.file().device() == device);
  }

  private static <T> boolean any(Iterator<T> all, Predicate<T> wanted) {
    while (all.hasNext()) {
      if (wanted.test(all.next())) {
        return true;
      }
    }
    return false;
  }

  // ---------------------------------------------------------------- one by one

  Status status() {
    ServerControl.Facts facts = parts.control().facts();
    Runtime runtime = Runtime.getRuntime();
    return new Status(
        facts.version(),
        ProcessHandle.current().pid(),
        facts.state(),
        facts.startedAt().toString(),
        facts.uptimeSeconds(),
        facts.configFile().map(Object::toString).orElse(null),
        facts.stateDirectory().toString(),
        Addresses.text(facts.nfs()),
        facts.rdma().map(Addresses::text).orElse(null),
        facts.diagnostics().map(Addresses::text).orElse(null),
        facts.socket().map(Object::toString).orElse(null),
        parts.recovery().inGrace(),
        parts.recovery().outstandingClients(),
        facts.leaseBreakSeconds(),
        facts.recallTimeoutMillis(),
        facts.fenceBudgetMillis(),
        parts.control().exports().size(),
        parts.sessions().survey().clients().size(),
        parts.sessions().courteousCount(),
        parts.sessions().sessionCount(),
        parts.opens().count(),
        parts.locks().count(),
        parts.locks().waiterCount(),
        parts.arbiter().layoutCount(),
        parts.metrics().counter(Metric.SEALS).getCount(),
        parts.arbiter().delegations().delegationCount(),
        parts.control().rdma().stream().mapToInt(ServerControl.RdmaFacts::queuePairs).sum(),
        runtime.totalMemory() - runtime.freeMemory(),
        runtime.maxMemory(),
        facts.http().map(Addresses::text).orElse(null));
  }

  Listing<ExportRow> exports() {
    Map<String, ExportConfig> configs = new HashMap<>();
    parts.control().exportConfigs().forEach(config -> configs.put(config.name(), config));
    StorageFacts storage = new StorageFacts(parts.control().mounts());
    boolean rdma = !parts.control().rdma().isEmpty();
    return new Listing<>(
        parts.control().exports().stream()
            .map(export -> row(export, configs.get(export.name()), storage, rdma))
            .iterator(),
        ExportRow::name,
        row -> row.readOnly() ? State.READONLY : State.READWRITE);
  }

  private static ExportRow row(
      Export export, ExportConfig config, StorageFacts storage, boolean rdma) {
    return new ExportRow(
        export.name(),
        export.path(),
        export.readOnly(),
        config != null && config.layouts(),
        HEX.toHexDigits(export.fsidMajor()),
        FileIdentity.deviceText(export.device()),
        export.handleMode().name().toLowerCase(Locale.ROOT),
        export.troubles(),
        config == null
            ? List.of()
            : config.clients().stream()
                .map(rule ->
                    new RuleRow(
                        rule.hosts(),
                        rule.readOnly(),
                        rule.squash().name().toLowerCase(Locale.ROOT),
                        rule.anonUid(),
                        rule.anonGid(),
                        rule.security()))
                .toList(),
        storage.typeOf(export),
        storage.daxOf(export),
        rdma && config != null && config.layouts());
  }

  Listing<ClientRow> clients(Selection selection) {
    Map<Long, Holdings> holdings = parts.arbiter().holdings();
    Holdings none = new Holdings(0, 0, 0);
    return new Listing<>(
        parts.sessions().survey().clients().stream()
            .filter(view -> selection.isClient(view.clientId()))
            .map(view -> row(view, holdings.getOrDefault(view.clientId(), none)))
            .iterator(),
        ClientRow::client,
        ClientRow::state);
  }

  private static ClientRow row(ClientView view, Holdings holdings) {
    return new ClientRow(
        HEX.toHexDigits(view.clientId()),
        view.owner(),
        view.implementation().orElse(null),
        view.address(),
        view.state(),
        view.uid().isPresent() ? view.uid().getAsInt() : null,
        view.reclaimComplete(),
        view.sessions(),
        view.backChannel(),
        view.silent().toMillis(),
        view.lease().toMillis(),
        holdings.layouts(),
        holdings.layoutFiles(),
        holdings.delegations());
  }

  Listing<SessionRow> sessions(Selection selection) {
    return new Listing<>(
        parts.sessions().survey().sessions().stream()
            .filter(view -> selection.isClient(view.clientId()))
            .map(AdminQueries::row)
            .iterator(),
        SessionRow::session,
        row -> row.backChannel() ? State.CALLABLE : State.UNCALLABLE);
  }

  private static SessionRow row(SessionView view) {
    return new SessionRow(
        view.id().toString(),
        HEX.toHexDigits(view.clientId()),
        view.slots(),
        view.slotsWanted(),
        view.maxRequestBytes(),
        view.maxResponseBytes(),
        view.maxOperations(),
        view.backChannel(),
        view.connections().stream()
            .map(each -> new ConnectionRow(each.id(), each.remote(), each.fore(), each.back()))
            .toList());
  }

  Listing<DeviceRow> devices() {
    List<DeviceRow> rows = new ArrayList<>();
    for (ServerControl.RdmaFacts rdma : parts.control().rdma()) {
      rows.add(
          new DeviceRow(
              State.RDMA,
              rdma.id(),
              rdma.provider(),
              rdma.address(),
              rdma.queuePairs(),
              null,
              rdma.note()));
    }
    for (ServerControl.ReachFacts reach : parts.control().reach()) {
      rows.add(
          new DeviceRow(
              State.REACH,
              FileIdentity.deviceText(reach.device()),
              "verbs",
              null,
              null,
              null,
              "%s: read %s; write %s".formatted(reach.storage(), reach.read(), reach.write())));
    }
    Map<String, List<String>> storage = new TreeMap<>();
    for (Export export : parts.control().exports()) {
      storage
          .computeIfAbsent(FileIdentity.deviceText(export.device()), any -> new ArrayList<>())
          .add(export.name());
    }
    storage.forEach((id, exports) ->
        rows.add(new DeviceRow(State.STORAGE, id, null, null, null, exports, null)));
    return new Listing<>(rows.iterator(), DeviceRow::id, DeviceRow::kind);
  }

  Listing<MediaErrors.BadRow> badBlocks() {
    return new Listing<>(parts.control().badBlocks().iterator(), MediaErrors.BadRow::list, _ -> "");
  }

  // ---------------------------------------------------------------- what is held

  Listing<LayoutRow> layouts(Selection selection) {
    HeldRows rows = new HeldRows(names());
    // A layout may name several devices, so those of one are all: that an id is known was checked.
    return new Listing<>(
        new Mapped<>(
            parts.arbiter().survey().layouts(selection.files(), selection.client()),
            rows::layout,
            row -> selection.isExport(row.export())),
        LayoutRow::stateid,
        LayoutRow::state);
  }

  Listing<DelegationRow> delegations(Selection selection) {
    HeldRows rows = new HeldRows(names());
    return new Listing<>(
        new Mapped<>(
            parts.arbiter().survey().delegations(selection.files(), selection.client()),
            rows::delegation,
            row -> selection.isExport(row.export())),
        DelegationRow::stateid,
        DelegationRow::state);
  }

  Listing<SealRow> seals(Selection selection) {
    HeldRows rows = new HeldRows(names());
    return new Listing<>(
        new Mapped<>(
            parts.arbiter().survey().seals(filesOfClient(selection)),
            rows::seal,
            row -> selection.isExport(row.export())),
        SealRow::file,
        SealRow::state);
  }

  /** The files of a selection; where a client is meant, those that it has anything of. */
  private Predicate<FileIdentity> filesOfClient(Selection selection) {
    if (selection.client().isEmpty()) {
      return selection.files();
    }
    LayoutSurvey survey = parts.arbiter().survey();
    Set<FileIdentity> held = new HashSet<>();
    survey
        .layouts(selection.files(), selection.client())
        .forEachRemaining(view -> held.add(view.file()));
    survey
        .delegations(selection.files(), selection.client())
        .forEachRemaining(view -> held.add(view.file()));
    return held::contains;
  }

  /** The files of a selection that anything is held of. */
  List<FileIdentity> heldFiles(Selection selection) {
    ExportNames names = names();
    List<FileIdentity> found = new ArrayList<>();
    Iterator<SealView> views = parts.arbiter().survey().seals(selection.files());
    while (views.hasNext()) {
      SealView view = views.next();
      if (selection.isExport(names.export(view.path()))
          && (selection.rdmaDevice().isEmpty() || view.layoutParts() > 0)) {
        found.add(view.file());
      }
    }
    return found;
  }

  Listing<OpenRow> opens(Selection selection) {
    HeldRows rows = new HeldRows(names());
    Predicate<FileIdentity> files = selection.files();
    return new Listing<>(
        new Mapped<>(
            StateSurvey.opens(parts.opens()),
            rows::open,
            row -> selection.isExport(row.export()),
            open -> selection.isClient(open.clientId()) && files.test(open.file())),
        OpenRow::stateid,
        OpenRow::state);
  }

  Listing<LockRow> locks(Selection selection) {
    HeldRows rows = new HeldRows(names());
    Predicate<FileIdentity> files = selection.files();
    return new Listing<>(
        new Mapped<>(
            StateSurvey.locks(parts.locks()),
            rows::lock,
            row -> selection.isExport(row.export()),
            lock -> selection.isClient(lock.owner().clientId()) && files.test(lock.file())),
        row -> row.stateid() == null ? "" : row.stateid(),
        LockRow::state);
  }

  // ---------------------------------------------------------------- words

  ExportNames names() {
    return new ExportNames(parts.control().exports().stream().map(Export::name).toList());
  }

  static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }

  /** What comes of each element, of those that are wanted. */
  private static final class Mapped<V, R> implements Iterator<R> {
    private final Iterator<V> views;
    private final Function<V, R> map;
    private final Predicate<R> wanted;
    private final Predicate<V> first;
    private R next;

    Mapped(Iterator<V> views, Function<V, R> map, Predicate<R> wanted) {
      this(views, map, wanted, _ -> true);
    }

    Mapped(Iterator<V> views, Function<V, R> map, Predicate<R> wanted, Predicate<V> first) {
      this.views = views;
      this.map = map;
      this.wanted = wanted;
      this.first = first;
    }

    @Override
    public boolean hasNext() {
      while (next == null && views.hasNext()) {
        V view = views.next();
        if (first.test(view)) {
          R row = map.apply(view);
          next = wanted.test(row) ? row : null;
        }
      }
      return next != null;
    }

    @Override
    public R next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      R row = next;
      next = null;
      return row;
    }
  }
}
