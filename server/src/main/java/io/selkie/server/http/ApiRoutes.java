package io.selkie.server.http;

import io.selkie.server.admin.ListKind;
import io.selkie.server.admin.Rows.ClientRow;
import io.selkie.server.admin.Rows.DelegationRow;
import io.selkie.server.admin.Rows.DeviceRow;
import io.selkie.server.admin.Rows.Done;
import io.selkie.server.admin.Rows.EventRow;
import io.selkie.server.admin.Rows.ExportRow;
import io.selkie.server.admin.Rows.ExtentRow;
import io.selkie.server.admin.Rows.FileFacts;
import io.selkie.server.admin.Rows.LatencyRow;
import io.selkie.server.admin.Rows.LayoutRow;
import io.selkie.server.admin.Rows.Listed;
import io.selkie.server.admin.Rows.LockRow;
import io.selkie.server.admin.Rows.LoggerRow;
import io.selkie.server.admin.Rows.Mapped;
import io.selkie.server.admin.Rows.OpenRow;
import io.selkie.server.admin.Rows.RecallTrace;
import io.selkie.server.admin.Rows.Reloaded;
import io.selkie.server.admin.Rows.SealRow;
import io.selkie.server.admin.Rows.SessionRow;
import io.selkie.server.admin.Rows.Status;
import io.selkie.server.admin.Rows.Taken;
import io.selkie.server.media.MediaErrors;
import java.util.List;

/** All that can be asked and done, once. */
final class ApiRoutes {

  private static final List<String> WHAT = List.of("client", "export", "file", "device");
  private static final List<String> NO_TEXTS = List.of();
  private static final List<String> NO_FLAGS = List.of();

  static final List<ApiRoute> ALL =
      List.of(
          ApiRoute.object("status", Status.class, NO_TEXTS, "The server as a whole."),
          ApiRoute.list(
              ListKind.EXPORTS, ExportRow.class, Listed.class, "What is served, to whom."),
          ApiRoute.list(ListKind.CLIENTS, ClientRow.class, Listed.class, "The clients."),
          ApiRoute.list(
              ListKind.SESSIONS,
              SessionRow.class,
              Listed.class,
              "The clients' sessions and connections."),
          ApiRoute.list(
              ListKind.LAYOUTS,
              LayoutRow.class,
              Listed.class,
              "Who may reach which bytes of which file directly."),
          ApiRoute.list(
              ListKind.DELEGATIONS,
              DelegationRow.class,
              Listed.class,
              "Who opens, reads or writes which file without asking."),
          ApiRoute.list(
              ListKind.SEALS,
              SealRow.class,
              Listed.class,
              "The files whose block map stands still, and recalls under way."),
          ApiRoute.list(ListKind.OPENS, OpenRow.class, Listed.class, "Who has which file open."),
          ApiRoute.list(
              ListKind.LOCKS,
              LockRow.class,
              Listed.class,
              "Byte-range locks, and who waits for one."),
          ApiRoute.list(
              ListKind.DEVICES,
              DeviceRow.class,
              Listed.class,
              "RDMA devices, and the storage under the exports."),
          ApiRoute.list(
              ListKind.MAP,
              ExtentRow.class,
              Mapped.class,
              "The block map of a file that is open: where its bytes are stored."),
          ApiRoute.object(
              "file",
              FileFacts.class,
              List.of("file"),
              "All that is known of one file: who has what of it, and where its bytes lie."),
          ApiRoute.list(
              ListKind.BADBLOCKS,
              MediaErrors.BadRow.class,
              Listed.class,
              "Storage under layouts that the kernel lists as bad now."),
          ApiRoute.list(
              ListKind.EVENTS,
              EventRow.class,
              Listed.class,
              "The most recent events, the oldest first."),
          ApiRoute.list(
              ListKind.RECALLS,
              RecallTrace.class,
              Listed.class,
              "The most recent recalls step by step, the youngest first."),
          ApiRoute.list(
              ListKind.LATENCIES,
              LatencyRow.class,
              Listed.class,
              "How long recalls and fences take."),
          ApiRoute.list(
              ListKind.LOG, LoggerRow.class, Listed.class, "Loggers whose level was set."),
          ApiRoute.change(
              "recall",
              Taken.class,
              WHAT,
              NO_TEXTS,
              List.of("all", "noWait"),
              true,
              "Asks for layouts and delegations back; waits until they are, unless noWait."),
          ApiRoute.change(
              "fence",
              Taken.class,
              WHAT,
              NO_TEXTS,
              List.of("all", "noWait"),
              true,
              "Takes layouts and delegations without asking."),
          ApiRoute.change(
              "expire",
              Done.class,
              List.of("client"),
              List.of("client"),
              NO_FLAGS,
              true,
              "Ends a client: fences it, drops its opens, locks and sessions."),
          ApiRoute.change(
              "drain",
              Done.class,
              NO_TEXTS,
              NO_TEXTS,
              NO_FLAGS,
              true,
              "Grants nothing any more, recalls everything, ends the server when nothing is held."),
          ApiRoute.change(
              "reload",
              Reloaded.class,
              NO_TEXTS,
              NO_TEXTS,
              List.of("dryRun"),
              false,
              "Loads the configuration file again, or with dryRun says what that would change."),
          ApiRoute.change(
              "log",
              Done.class,
              List.of("level", "name"),
              List.of("level"),
              NO_FLAGS,
              false,
              "Sets what is logged: of the logger name, or of all."),
          ApiRoute.change(
              "grace",
              Done.class,
              List.of("action"),
              List.of("action"),
              NO_FLAGS,
              false,
              "Begins a grace period (action start), or ends one (end)."));

  private ApiRoutes() {}
}
