package io.selkie.test.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.protocol.rpc.AuthSys;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import io.selkie.test.support.Workspace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a small operation costs the server at most 1 KiB of heap, the data of a large one never
 * comes onto it, and the load generator that the figures come from does what it says. Method: a
 * real server under load, and its Java machine's own count of what its threads allocate.
 */
@Tag("slow")
@Timeout(900)
class SmallOperationsTest {

  private static final long ALLOCATED_BYTES_MAX = 1024;

  /** A copy on the heap would be a mebibyte; many pieces come in and go out. */
  private static final long LARGE_ALLOCATED_BYTES_MAX = 32 << 10;

  private static final long FILE_BYTES = 16L << 20;

  /** When the machine is busy the compiler comes late: it is measured again. */
  private static final int ROUNDS_MAX = 30;

  private static final List<NfsWorkload> SMALL =
      List.of(NfsWorkload.GETATTR, NfsWorkload.READ_4K, NfsWorkload.WRITE_4K);

  @Test
  void smallOperationsAllocateAtMostOneKibibyteEach() throws Exception {
    try (ScratchDirectory scratch =
            ScratchDirectory.in(Workspace.choose(Optional.empty()), "selkie-small-");
        ServerProcess server = start(scratch);
        NfsContestant client = connect(server);
        Diagnostics diagnostics = new Diagnostics(server.diagnostics())) {
      client.fill();
      for (NfsWorkload workload : SMALL) {
        // Until it is compiled an operation allocates what the compiler will find needless.
        client.run(workload, 4);
        assertAllocates(client, diagnostics, workload, ALLOCATED_BYTES_MAX);
      }
    }
  }

  private static void assertAllocates(
      NfsContestant client, Diagnostics diagnostics, NfsWorkload workload, long mostBytes)
      throws Exception {
    long each = Long.MAX_VALUE;
    for (int i = 0; i < ROUNDS_MAX && each > mostBytes; i++) {
      long before = allocated(diagnostics);
      long operations = client.run(workload, 1).latencies().getTotalCount();
      each = (allocated(diagnostics) - before) / operations;
      System.out.printf("%s: %d bytes allocated for each of %d%n", workload, each, operations);
    }
    assertThat(each).as("%s", workload).isLessThanOrEqualTo(mostBytes);
  }

  @Test
  void largeOperationsMoveAllTheirBytesPastTheHeap() throws Exception {
    try (ScratchDirectory scratch =
            ScratchDirectory.in(Workspace.choose(Optional.empty()), "selkie-large-");
        ServerProcess server = start(scratch);
        NfsContestant client = connect(server);
        Diagnostics diagnostics = new Diagnostics(server.diagnostics())) {
      client.fill();
      for (NfsWorkload workload : List.of(NfsWorkload.READ_1M, NfsWorkload.WRITE_1M)) {
        client.run(workload, 1);
        assertAllocates(client, diagnostics, workload, LARGE_ALLOCATED_BYTES_MAX);
      }
      assertThat(server.export().resolve("bench-data-0")).hasSize(FILE_BYTES);
    }
  }

  private static ServerProcess start(ScratchDirectory scratch) throws Exception {
    Path export = Files.createDirectory(scratch.resolve("small"));
    return ServerProcess.of(export).start();
  }

  private static NfsContestant connect(ServerProcess server) throws Exception {
    return NfsContestant.connect(
        "selkie",
        server.nfs(),
        OptionalLong.of(server.pid()),
        List.of(server.exportName()),
        new AuthSys(),
        new NfsContestant.Shape(1, 8, FILE_BYTES),
        NanoClock.system());
  }

  /** What the threads that serve requests allocated; not the timers', whatever the clients do. */
  private static long allocated(Diagnostics diagnostics) throws Exception {
    return diagnostics.allocatedBytes().entrySet().stream()
        .filter(group -> group.getKey().startsWith("nfs-"))
        .mapToLong(Map.Entry::getValue)
        .sum();
  }
}
