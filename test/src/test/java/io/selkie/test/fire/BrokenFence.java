package io.selkie.test.fire;

import static io.selkie.test.fire.LedCalls.desc;

import io.selkie.posix.Kernel;
import io.selkie.rdma.MemoryRegion;
import java.io.IOException;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.concurrent.CompletionStage;

/**
 * A server whose fence is broken: four calls of its classes are led to {@link LateFence} instead.
 * The server itself needs no door for that.
 */
public final class BrokenFence {

  private static final String HANDLE = "io.selkie.layout.rdma.RdmaLayoutType$Handle";
  private static final String MAPPING = "io.selkie.lease.FileMapping";

  private BrokenFence() {}

  /**
   * The class path of this process, and before it the changed classes, which are written.
   *
   * @param keyLivesOnMillis for how long a key lives on
   */
  public static String classPath(Path directory, int keyLivesOnMillis) throws IOException {
    LedCalls calls = new LedCalls(directory);
    lead(calls, keyLivesOnMillis);
    return calls.classPath();
  }

  /** Breaks it, with keys that live on for so long. */
  static void lead(LedCalls calls, int keyLivesOnMillis) throws IOException {
    calls.resource(LateFence.RESOURCE, Integer.toString(keyLivesOnMillis));
    MethodTypeDesc invalidate =
        MethodTypeDesc.of(desc(CompletionStage.class), desc(MemoryRegion.class));
    lead(calls, HANDLE, MemoryRegion.class, "invalidate", invalidate);
    lead(calls, HANDLE, MemoryRegion.class, "invalidateHere", invalidate);
    lead(
        calls,
        MAPPING,
        Kernel.class,
        "munmap",
        MethodTypeDesc.of(
            ConstantDescs.CD_int,
            desc(Kernel.class),
            ConstantDescs.CD_long,
            ConstantDescs.CD_long));
    lead(
        calls,
        MAPPING,
        Arena.class,
        "close",
        MethodTypeDesc.of(ConstantDescs.CD_void, desc(Arena.class)));
  }

  private static void lead(
      LedCalls calls, String name, Class<?> owner, String method, MethodTypeDesc type)
      throws IOException {
    calls.lead(name, desc(owner), method, LateFence.class, type);
  }
}
