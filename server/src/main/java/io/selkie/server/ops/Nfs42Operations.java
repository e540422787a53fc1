package io.selkie.server.ops;

import io.selkie.config.time.NanoClock;
import io.selkie.server.compound.Operation;
import java.util.List;

/** The table of operations on files that NFSv4.2 and its extensions add. */
public final class Nfs42Operations {

  private Nfs42Operations() {}

  /** All of them, working with some services. */
  public static List<Operation> all(FileServices services, NanoClock clock) {
    return List.of(
        new Space.Allocate(services, clock),
        new Space.Deallocate(services, clock),
        new Seek(services),
        new ReadPlus(services),
        new IoAdvise(services),
        new Xattrs.Get(services),
        new Xattrs.Set(services),
        new Xattrs.ListNames(services),
        new Xattrs.Remove(services));
  }
}
