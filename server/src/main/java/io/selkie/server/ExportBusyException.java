package io.selkie.server;

import io.selkie.server.vfs.Export;
import java.io.IOException;

/**
 * An export that is served no more could not be left for good yet: operations that had begun in it
 * do not end, or its file system does not close files. What hangs is tidied up when it comes back,
 * without further ado; until then its file system may be in use and its name cannot be served anew.
 */
public final class ExportBusyException extends IOException {
  private static final long serialVersionUID = 1L;

  private final String export;
  private final int operations;

  ExportBusyException(Export export, String step) {
    super(
        "%s is served no more but cannot be left: %s did not end in time, %d operations are in it;"
                .formatted(export, step, export.operationsInside())
            + " look at the kernel's log and whether its disk answers. What hangs is tidied up when"
            + " it comes back; until then serve the directory under another name, or restart the"
            + " server");
    this.export = export.name();
    this.operations = export.operationsInside();
  }

  /**
   * Because of a defect: it is served no more, and how much of it is left is not known.
   *
   * @param step what was being done
   */
  ExportBusyException(Export export, String step, Throwable failure) {
    super(
        "%s is served no more but was not left in good order: %s failed with %s;"
                .formatted(export, step, failure)
            + " its file system may be in use and its name cannot be served anew until the server"
            + " is restarted. See the server's log",
        failure);
    this.export = export.name();
    this.operations = export.operationsInside();
  }

  /** Name of the export. */
  public String export() {
    return export;
  }

  /** Operations that were in it when this was made. */
  public int operations() {
    return operations;
  }
}
