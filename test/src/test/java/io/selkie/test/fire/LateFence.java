package io.selkie.test.fire;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.selkie.posix.Kernel;
import io.selkie.rdma.MemoryRegion;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/**
 * A fence that does not do what it says: it is over at once, and the key dies a little later. Calls
 * in a server's classes are led here by {@link BrokenFence}. Mappings live longer, too, as they do
 * for a device, which has pages of its own accord.
 */
public final class LateFence {

  /** On the class path: for how long a key lives on, in milliseconds. */
  static final String RESOURCE = "late-fence-millis";

  private static final long KEY_LIVES_ON_MILLIS = keyLivesOnMillis();
  private static final long MAPPING_LIVES_ON_MILLIS = KEY_LIVES_ON_MILLIS + 3000;

  private LateFence() {}

  private static long keyLivesOnMillis() {
    try (InputStream in = LateFence.class.getClassLoader().getResourceAsStream(RESOURCE)) {
      return Long.parseLong(new String(in.readAllBytes(), US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** In place of {@link MemoryRegion#invalidate}. */
  public static CompletionStage<Void> invalidate(MemoryRegion region) {
    later(
        KEY_LIVES_ON_MILLIS,
        () -> {
          var _ = region.invalidate();
        });
    return CompletableFuture.completedFuture(null);
  }

  /** In place of {@link MemoryRegion#invalidateHere}. */
  public static CompletionStage<Void> invalidateHere(MemoryRegion region) {
    return invalidate(region);
  }

  /** In place of {@link Arena#close}. */
  public static void close(Arena arena) {
    // Its memory stays usable.
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException("closed already");
    }
  }

  /** In place of {@link Kernel#munmap}. */
  public static int munmap(Kernel kernel, long address, long length) {
    later(
        MAPPING_LIVES_ON_MILLIS,
        () -> {
          int _ = kernel.munmap(address, length);
        });
    return 0;
  }

  private static void later(long millis, Runnable task) {
    CompletableFuture.delayedExecutor(millis, TimeUnit.MILLISECONDS).execute(task);
  }
}
