package io.selkie.server.admin;

import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.admin.AdminQueries.Listing;
import io.selkie.server.admin.Rows.DelegationRow;
import io.selkie.server.admin.Rows.ExtentRow;
import io.selkie.server.admin.Rows.FileFacts;
import io.selkie.server.admin.Rows.LayoutRow;
import io.selkie.server.admin.Rows.LockRow;
import io.selkie.server.admin.Rows.Mapped;
import io.selkie.server.admin.Rows.OpenRow;
import io.selkie.server.admin.Rows.RecallTrace;
import io.selkie.server.admin.Rows.SealRow;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Everything of one file in one answer: who has what of it, and where its bytes lie. */
final class AdminFile {

  /** Rows of each list that are told. */
  static final int ROWS_MAX = 1000;

  private final AdminQueries queries;
  private final AdminDetails details;

  AdminFile(AdminQueries queries, AdminDetails details) {
    this.queries = queries;
    this.details = details;
  }

  /** A list's first rows, and whether there are more. */
  private static final class Collected {
    private boolean truncated;

    <T> List<T> of(Listing<T> listing) {
      List<T> rows = new ArrayList<>();
      Iterator<T> all = listing.rows();
      while (all.hasNext()) {
        T row = all.next();
        if (rows.size() == ROWS_MAX) {
          truncated = true;
          break;
        }
        rows.add(row);
      }
      return rows;
    }
  }

  FileFacts answer(AdminRequest request, Selection selection) throws AdminException, IOException {
    if (request.file().isEmpty()) {
      throw new AdminException(Code.BAD_REQUEST, "say which file");
    }
    Collected lists = new Collected();
    List<SealRow> seals = lists.of(queries.seals(selection));
    List<LayoutRow> layouts = lists.of(queries.layouts(selection));
    List<DelegationRow> delegations = lists.of(queries.delegations(selection));
    List<OpenRow> opens = lists.of(queries.opens(selection));
    List<LockRow> locks = lists.of(queries.locks(selection));
    List<RecallTrace> recalls = lists.of(details.recalls(selection));
    List<ExtentRow> extents = new ArrayList<>();
    Optional<Mapped> map = map(request, selection, extents);
    String export = "";
    String path = "";
    if (!opens.isEmpty()) {
      export = opens.getFirst().export();
      path = opens.getFirst().path();
    } else if (!seals.isEmpty()) {
      export = seals.getFirst().export();
      path = seals.getFirst().path();
    }
    return new FileFacts(
        selection.fileText(),
        export,
        path,
        seals.isEmpty() ? null : seals.getFirst(),
        layouts,
        delegations,
        opens,
        locks,
        map.orElse(null),
        extents,
        recalls,
        lists.truncated || map.map(Mapped::truncated).orElse(false));
  }

  /** Empty when the file is not open, as it is not opened for this. */
  private Optional<Mapped> map(AdminRequest request, Selection selection, List<ExtentRow> extents)
      throws AdminException, IOException {
    AdminRequest bounded =
        AdminRequest.of("map", Map.of("file", request.file().orElseThrow()), List.of(), ROWS_MAX);
    AdminSink sink =
        new AdminSink() {
          @Override
          public void row(Object row) {
            extents.add((ExtentRow) row);
          }

          @Override
          public void progress(String text) {}
        };
    try {
      return Optional.of(details.map(bounded, selection, sink));
    } catch (AdminException e) {
      if (e.code() == Code.REFUSED) {
        return Optional.empty();
      }
      throw e;
    }
  }
}
