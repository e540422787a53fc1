package io.selkie.server.ops;

import io.selkie.config.time.NanoClock;
import io.selkie.server.compound.Operation;
import io.selkie.server.offload.Offloads;
import java.util.List;

/** The table of operations on files that NFSv4.2 and its extensions add. */
public final class Nfs42Operations {

  private Nfs42Operations() {}

  /**
   * All of them, working with some services.
   *
   * @param clock bounds how long a worker is kept
   * @param offloads goes on with what takes longer
   */
  public static List<Operation> all(FileServices services, NanoClock clock, Offloads offloads) {
    FileCopier copier = new FileCopier(services);
    return Patient.where(
        services,
        List.of(
            new Space.Allocate(services, clock),
            new Space.Deallocate(services, clock),
            new Seek(services),
            new ReadPlus(services),
            new IoAdvise(services),
            new WriteSame(services, clock),
            new Clone(services, copier),
            new Copy(services, clock, copier, offloads),
            new OffloadOperations.Status(services, offloads),
            new OffloadOperations.Cancel(services, offloads),
            new OffloadOperations.Notify(services),
            new LayoutReports.Errors(services, clock),
            new LayoutReports.Statistics(services),
            new Xattrs.Get(services),
            new Xattrs.Set(services),
            new Xattrs.ListNames(services),
            new Xattrs.Remove(services)));
  }
}
