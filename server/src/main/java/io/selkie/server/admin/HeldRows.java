package io.selkie.server.admin;

import static io.selkie.server.admin.AdminQueries.word;

import io.selkie.layout.LayoutSurvey.DelegationView;
import io.selkie.layout.LayoutSurvey.LayoutView;
import io.selkie.layout.LayoutSurvey.RecallView;
import io.selkie.layout.LayoutSurvey.SealView;
import io.selkie.lease.FileIdentity;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.LockConst4;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.nfs4.OpenConst4;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.server.admin.ListKind.State;
import io.selkie.server.admin.Rows.DelegationRow;
import io.selkie.server.admin.Rows.LayoutRow;
import io.selkie.server.admin.Rows.LockRow;
import io.selkie.server.admin.Rows.OpenRow;
import io.selkie.server.admin.Rows.RecallRow;
import io.selkie.server.admin.Rows.SealRow;
import io.selkie.server.state.OpenState;
import io.selkie.server.state.StateSurvey.LockView;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Makes a row of what is held of a file. Where the file is found is told alike by all of them.
 *
 * @param names of the exports that there are now
 */
record HeldRows(ExportNames names) {

  private static final HexFormat HEX = HexFormat.of();

  /** Where a file is found, as rows tell it. */
  private record Place(String export, String path, String file) {}

  private Place place(String path, FileIdentity file) {
    return new Place(names.export(path), names.below(path), names.file(file));
  }

  LayoutRow layout(LayoutView view) {
    Place place = place(view.path(), view.file());
    return new LayoutRow(
        text(view.stateid()),
        HEX.toHexDigits(view.clientId()),
        place.export,
        place.path,
        place.file,
        switch (view.layoutType()) {
          case LayoutConst4.LAYOUT4_RDMA -> "rdma";
          case LayoutConst4.LAYOUT4_BLOCK_VOLUME -> "block";
          case LayoutConst4.LAYOUT4_SCSI -> "scsi";
          default -> Integer.toString(view.layoutType());
        },
        view.ioMode() == LayoutConst4.LAYOUTIOMODE4_RW ? "rw" : "read",
        view.offset(),
        view.length(),
        word(view.phase()),
        view.handles(),
        view.holes(),
        recall(view.recall()));
  }

  DelegationRow delegation(DelegationView view) {
    Place place = place(view.path(), view.file());
    return new DelegationRow(
        text(view.stateid()),
        HEX.toHexDigits(view.clientId()),
        place.export,
        place.path,
        place.file,
        word(view.type()),
        view.times(),
        view.phase(),
        recall(view.recall()));
  }

  SealRow seal(SealView view) {
    Place place = place(view.path(), view.file());
    return new SealRow(
        place.file,
        place.export,
        place.path,
        view.phase(),
        view.mode().map(AdminQueries::word).orElse(null),
        view.state().map(AdminQueries::word).orElse(null),
        view.exact(),
        view.handles(),
        view.clients(),
        view.layoutParts(),
        view.delegations(),
        recall(view.recall()),
        view.kernelRemainingNanos().isPresent()
            ? TimeUnit.NANOSECONDS.toMillis(view.kernelRemainingNanos().getAsLong())
            : null);
  }

  private static RecallRow recall(Optional<RecallView> recall) {
    return recall
        .map(found ->
            new RecallRow(
                found.id(),
                word(found.cause()),
                TimeUnit.NANOSECONDS.toMillis(found.remainingNanos())))
        .orElse(null);
  }

  OpenRow open(OpenState open) {
    Place place = place(open.target().describe(), open.file());
    return new OpenRow(
        text(open.stateid()),
        HEX.toHexDigits(open.clientId()),
        place.export,
        place.path,
        place.file,
        share(open.access()),
        share(open.deny()),
        withoutClient(open.owner()),
        open.revokedStatus() == NfsStat4.NFS4_OK ? State.OPEN : State.REVOKED);
  }

  private static String share(int bits) {
    return switch (bits) {
      case OpenConst4.OPEN4_SHARE_ACCESS_READ -> "read";
      case OpenConst4.OPEN4_SHARE_ACCESS_WRITE -> "write";
      case OpenConst4.OPEN4_SHARE_ACCESS_BOTH -> "both";
      default -> "none";
    };
  }

  LockRow lock(LockView lock) {
    Place place = place(lock.path(), lock.file());
    return new LockRow(
        lock.stateid() == null ? null : text(lock.stateid()),
        HEX.toHexDigits(lock.owner().clientId()),
        place.export,
        place.path,
        place.file,
        lock.exclusive() ? "write" : "read",
        Long.toUnsignedString(lock.offset()),
        lock.length() == LockConst4.TO_END_OF_FILE ? null : Long.toUnsignedString(lock.length()),
        withoutClient(lock.owner()),
        lock.waiting() ? State.WAITING : State.HELD);
  }

  /** Owners are written as client and owner; rows have a column for the client. */
  private static String withoutClient(Object owner) {
    String text = owner.toString();
    return text.substring(text.indexOf('/') + 1);
  }

  private static String text(Stateid4 stateid) {
    return HEX.toHexDigits(stateid.otherHigh()) + HEX.toHexDigits(stateid.otherLow());
  }
}
