package io.selkie.rdma;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.selkie.posix.MappedBytes;
import io.selkie.rdma.QueuePair.PostResult;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.random.RandomGenerator;

/**
 * Finds out whether a provider reaches memory of a kind, by doing it: registers a piece of it,
 * connects to itself, and writes and reads with odd offsets and lengths. Believed is what a look at
 * the memory itself shows, not what completions say: stock soft RoCE places on-demand accesses
 * wrongly unless every packet starts on a page, and reports success.
 *
 * <p>Blocks for some round trips of the device; each wait is bounded. Used by one thread.
 */
public final class RegistrationProbe {

  /** What the memory to try on must have, at least. */
  public static final long BYTES_MIN = 64 * 1024;

  private static final int WAIT_SECONDS = 30;
  private static final int PAGE_BYTES = 4096;
  private static final int SECRET_BYTES = 32;
  private static final int FLUSH_WORK = 4;

  /** Offset and length: within a page, over its ends, over packets of each path MTU, all of it. */
  private static final int[][] CASES = {
    {0, PAGE_BYTES},
    {1, 1},
    {PAGE_BYTES - 1, 2},
    {3, PAGE_BYTES - 5},
    {PAGE_BYTES + 1, 2 * PAGE_BYTES - 1},
    {2 * PAGE_BYTES - 3, 3 * PAGE_BYTES + 7},
    {1021, 5 * PAGE_BYTES + 13},
    {0, (int) BYTES_MIN},
    {511, (int) BYTES_MIN - 511},
  };

  private final RdmaProvider provider;
  private final InetAddress address;
  private final RandomGenerator random;
  private final long letGoMillis;

  /** What the device may still have. */
  private final List<CompletableFuture<Void>> leaving = new ArrayList<>();

  /**
   * A probe.
   *
   * @param address an address of this machine that the provider can listen on
   * @param random what is written and read
   */
  public RegistrationProbe(RdmaProvider provider, InetAddress address, RandomGenerator random) {
    this(provider, address, random, TimeUnit.SECONDS.toMillis(WAIT_SECONDS));
  }

  RegistrationProbe(
      RdmaProvider provider, InetAddress address, RandomGenerator random, long letGoMillis) {
    this.letGoMillis = letGoMillis;
    this.provider = provider;
    this.address = address;
    this.random = random;
  }

  /**
   * What came of a try.
   *
   * @param proven whether every access did what it should, and none was possible afterwards
   * @param reason why not; empty when proven
   */
  public record Verdict(boolean proven, String reason) {

    static final Verdict PROVEN = new Verdict(true, "");

    static Verdict no(String reason) {
      return new Verdict(false, reason);
    }
  }

  /** Tries it on memory of its own: what nothing else can do without. */
  public Verdict probeOwnMemory() throws InterruptedException {
    MemorySegment memory = Arena.ofAuto().allocate(BYTES_MIN, PAGE_BYTES);
    try {
      return probe(memory, Set.of(RemoteAccess.READ, RemoteAccess.WRITE), Registration.PLAIN);
    } finally {
      // Keeps it from being collected until then.
      var _ = lettingGo().thenApply(_ -> memory);
    }
  }

  /**
   * The end of all that was tried since the last call of this, which is not always over when the
   * verdict is there: a device may take longer to let go of memory than is waited for.
   *
   * @return completes when the memory may be unmapped; exceptionally when it has to stay
   */
  public CompletableFuture<Void> lettingGo() {
    CompletableFuture<Void> all =
        CompletableFuture.allOf(leaving.toArray(CompletableFuture<?>[]::new));
    leaving.clear();
    return all;
  }

  /**
   * Tries it.
   *
   * @param memory native, {@link #BYTES_MIN} octets or more, to be used by nobody else meanwhile;
   *     its content is overwritten when {@code access} has WRITE, and should not be all the same
   *     when it has not. The provider's until {@link #lettingGo} says otherwise
   * @param access what peers are to do
   */
  public Verdict probe(MemorySegment memory, Set<RemoteAccess> access, Registration how)
      throws InterruptedException {
    return probe(memory, access, how, false);
  }

  /**
   * Tries it on memory whose content is somebody's. What is written to a place is what was read
   * from there, so that nothing changes if it lands where it should; and what lands elsewhere is
   * mended at once. That a write landed at all is not seen, so the device should have shown that on
   * other memory ({@link #probeOwnMemory}).
   *
   * @param memory native, {@link #BYTES_MIN} octets or more, to be used by nobody else meanwhile.
   *     The provider's until {@link #lettingGo} says otherwise
   * @param access what peers are to do
   */
  public Verdict probeInPlace(MemorySegment memory, Set<RemoteAccess> access, Registration how)
      throws InterruptedException {
    return probe(memory, access, how, true);
  }

  private Verdict probe(
      MemorySegment memory, Set<RemoteAccess> access, Registration how, boolean inPlace)
      throws InterruptedException {
    if (memory.byteSize() < BYTES_MIN) {
      throw new IllegalArgumentException("only " + memory.byteSize() + " octets to try on");
    }
    MemorySegment part = memory.asSlice(0, BYTES_MIN);
    // What the other side registers; not to be freed before the device has let go of it.
    MemorySegment local = Arena.ofAuto().allocate(BYTES_MIN, PAGE_BYTES);
    try (ProtectionDomain passive = provider.allocateProtectionDomain("self-test, passive");
        ProtectionDomain active = provider.allocateProtectionDomain("self-test, active")) {
      MemoryRegion region = passive.register(part, access, how);
      try {
        return connectAndTry(passive, active, region, part, local, access, inPlace);
      } finally {
        leaving.add(region.invalidate().toCompletableFuture());
        letGo(region);
      }
    } catch (RdmaException e) {
      return Verdict.no(e.getMessage());
    } catch (IllegalStateException e) {
      return Verdict.no("the device gives out no protection domain: " + e.getMessage());
    }
  }

  private Verdict connectAndTry(
      ProtectionDomain passive,
      ProtectionDomain active,
      MemoryRegion region,
      MemorySegment memory,
      MemorySegment local,
      Set<RemoteAccess> access,
      boolean inPlace)
      throws RdmaException, InterruptedException {
    ByteBuffer nothing = ByteBuffer.wrap("self-test".getBytes(US_ASCII)).asReadOnlyBuffer();
    // Others reach the listener too; what they do to the memory would be taken for the device's.
    byte[] secret = new byte[SECRET_BYTES];
    random.nextBytes(secret);
    ByteBuffer token = ByteBuffer.wrap(secret).asReadOnlyBuffer();
    QueuePairListener silent =
        new QueuePairListener() {
          @Override
          public void onEstablished(QueuePair queuePair) {}

          @Override
          public void onClosed(DisconnectCause cause) {}
        };
    MemoryRegion localRegion = active.register(local, Set.of());
    try (RdmaListener listener =
            provider.listen(
                new InetSocketAddress(address, 0),
                request ->
                    token.equals(request.privateData())
                        ? new ConnectionAcceptor.Accept(passive, nothing, silent)
                        : new ConnectionAcceptor.Refuse(nothing));
        QueuePair pair =
            provider.connect(
                listener.address(),
                active,
                new ConnectOptions(token, 4, 1, 0, WAIT_SECONDS * 1000))) {
      Accesses accesses = new Accesses(pair, localRegion, local, region, memory);
      Optional<String> trouble =
          access.contains(RemoteAccess.WRITE)
              ? accesses.writes(inPlace ? Optional.empty() : Optional.of(random))
              : Optional.empty();
      if (trouble.isEmpty() && access.contains(RemoteAccess.FLUSH)) {
        trouble = accesses.flushes();
      }
      if (trouble.isEmpty()) {
        trouble = accesses.reads();
      }
      if (trouble.isEmpty()) {
        letGo(region);
        trouble = accesses.refusals();
      }
      return trouble.map(Verdict::no).orElse(Verdict.PROVEN);
    }
  }

  private void letGo(MemoryRegion region) throws RdmaException, InterruptedException {
    CompletableFuture<Void> over = region.invalidate().toCompletableFuture();
    try {
      over.get(letGoMillis, TimeUnit.MILLISECONDS);
    } catch (TimeoutException | ExecutionException e) {
      throw new RdmaException(
          RdmaException.Reason.REGISTRATION, "the device did not let go of memory", e);
    }
  }

  /** Accesses over one queue pair, each looked at in memory. */
  private record Accesses(
      QueuePair pair,
      MemoryRegion localRegion,
      MemorySegment local,
      MemoryRegion region,
      MemorySegment memory) {

    /** Writes what is there already, unless there is something random to be written. */
    Optional<String> writes(Optional<RandomGenerator> random)
        throws InterruptedException, RdmaException {
      for (int[] one : CASES) {
        int at = one[0];
        int length = one[1];
        MemorySegment before = contentOf(memory);
        if (random.isPresent()) {
          fill(local, random.get());
        } else {
          MemorySegment.copy(before, at, local, 0, length);
        }
        MemorySegment from = local.asSlice(0, length);
        WorkStatus status =
            await(
                pair.postWriteAndConfirm(
                    localRegion, from, region.key(), region.remoteAddress() + at, 1));
        if (status != WorkStatus.SUCCESS) {
          return Optional.of("a write of %d octets at %d ended %s".formatted(length, at, status));
        }
        MemorySegment.copy(from, 0, before, at, length);
        long wrong = before.mismatch(contentOf(memory));
        if (wrong >= 0) {
          require(MappedBytes.copy(before, 0, memory, 0, BYTES_MIN));
          return Optional.of(
              ("a write of %d octets at %d was reported as done, but octet %d is not what it"
                      + " should be")
                  .formatted(length, at, wrong));
        }
      }
      return Optional.empty();
    }

    Optional<String> reads() throws InterruptedException, RdmaException {
      for (int[] one : CASES) {
        int at = one[0];
        int length = one[1];
        local.fill((byte) 0x5A);
        MemorySegment to = local.asSlice(0, length);
        WorkStatus status =
            await(pair.postRead(localRegion, to, region.key(), region.remoteAddress() + at, 2));
        if (status != WorkStatus.SUCCESS) {
          return Optional.of("a read of %d octets at %d ended %s".formatted(length, at, status));
        }
        long wrong = contentOf(memory).asSlice(at, length).mismatch(to);
        if (wrong >= 0) {
          return Optional.of(
              "a read of %d octets at %d was reported as done, but octet %d of it is wrong"
                  .formatted(length, at, wrong));
        }
      }
      return Optional.empty();
    }

    Optional<String> flushes() throws InterruptedException {
      if (!pair.canFlush()) {
        return Optional.of("its queue pairs have no RDMA FLUSH");
      }
      for (int[] one : CASES) {
        WorkStatus status =
            await(
                pair.postFlush(
                    region.key(), region.remoteAddress() + one[0], one[1], true, FLUSH_WORK));
        if (status != WorkStatus.SUCCESS) {
          return Optional.of(
              "RDMA FLUSH of %d octets at %d ended %s".formatted(one[1], one[0], status));
        }
      }
      return Optional.empty();
    }

    /** The region is dead by now. */
    Optional<String> refusals() throws InterruptedException {
      WorkStatus status =
          await(
              pair.postRead(
                  localRegion, local.asSlice(0, 64), region.key(), region.remoteAddress(), 3));
      return status == WorkStatus.SUCCESS
          ? Optional.of("a key that was taken back still worked")
          : Optional.empty();
    }

    /** A copy: comparing on a mapping would end the process where a page cannot be had. */
    private static MemorySegment contentOf(MemorySegment memory) throws RdmaException {
      MemorySegment copy = Arena.ofAuto().allocate(BYTES_MIN);
      require(MappedBytes.copy(memory, 0, copy, 0, BYTES_MIN));
      return copy;
    }

    private static void require(boolean copied) throws RdmaException {
      if (!copied) {
        throw new RdmaException(
            RdmaException.Reason.REGISTRATION,
            "a page of the memory to try on cannot be had: its storage is bad, or the file was cut",
            null);
      }
    }

    private WorkStatus await(PostResult posted) throws InterruptedException {
      if (posted != PostResult.POSTED) {
        return WorkStatus.FLUSHED;
      }
      WorkStatus[] status = new WorkStatus[1];
      int given =
          pair.completions()
              .await((_, how) -> status[0] = how, 1, TimeUnit.SECONDS.toNanos(WAIT_SECONDS));
      if (given == 0) {
        pair.abort("an access of the self-test did not end");
        return WorkStatus.CONNECTION_LOST;
      }
      return status[0];
    }

    private static void fill(MemorySegment memory, RandomGenerator random) {
      for (long i = 0; i + Long.BYTES <= memory.byteSize(); i += Long.BYTES) {
        memory.set(ValueLayout.JAVA_LONG_UNALIGNED, i, random.nextLong());
      }
    }
  }
}
