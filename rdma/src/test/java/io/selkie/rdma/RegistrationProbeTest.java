package io.selkie.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.RegistrationProbe.Verdict;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.rdma.iwarp.IwarpStatistics.Counter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: only memory that is reached rightly is offered.
 *
 * <p>Method: the software provider, which is right, and the same with the faults that devices have
 * been seen to have.
 */
@Timeout(300)
class RegistrationProbeTest {

  private static final Set<RemoteAccess> READ = Set.of(RemoteAccess.READ);
  private static final Set<RemoteAccess> BOTH = Set.of(RemoteAccess.READ, RemoteAccess.WRITE);
  private static final long PAGE = 4096;

  private final IwarpProvider provider = new IwarpProvider(IwarpConfig.DEFAULTS);

  @AfterEach
  void end() {
    provider.close();
  }

  private RegistrationProbe probe(RdmaProvider tried) {
    return new RegistrationProbe(tried, InetAddress.getLoopbackAddress(), new Random(7));
  }

  private static MemorySegment memory() {
    MemorySegment memory = Arena.ofAuto().allocate(RegistrationProbe.BYTES_MIN, PAGE);
    byte[] content = new byte[(int) memory.byteSize()];
    new Random(1).nextBytes(content);
    return memory.copyFrom(MemorySegment.ofArray(content));
  }

  @Test
  void whatIsReachedRightlyIsProven() throws Exception {
    assertThat(probe(provider).probeOwnMemory()).isEqualTo(Verdict.PROVEN);
    assertThat(probe(provider).probe(memory(), READ, Registration.PLAIN)).isEqualTo(Verdict.PROVEN);
  }

  @Test
  void readOnlyMappingOfAFileIsProvenForReading() throws Exception {
    Path file = Files.createTempFile(Path.of("target"), "probe", ".bin");
    Files.write(file, memory().toArray(ValueLayout.JAVA_BYTE));
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        Arena arena = Arena.ofShared()) {
      MemorySegment mapped =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, RegistrationProbe.BYTES_MIN, arena);
      assertThat(probe(provider).probe(mapped, READ, Registration.PLAIN)).isEqualTo(Verdict.PROVEN);
      assertThat(probe(provider).probe(mapped, BOTH, Registration.PLAIN).proven()).isFalse();
    } finally {
      Files.delete(file);
    }
  }

  @Test
  void memoryThatIsGoneIsNotReachedAndEndsNothing() throws Exception {
    Path file = Files.createTempFile(Path.of("target"), "probe", ".bin");
    Files.write(file, memory().toArray(ValueLayout.JAVA_BYTE));
    try (FileChannel channel =
            FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        Arena arena = Arena.ofShared()) {
      MemorySegment mapped =
          channel.map(FileChannel.MapMode.READ_WRITE, 0, RegistrationProbe.BYTES_MIN, arena);
      channel.truncate(RegistrationProbe.BYTES_MIN / 2);
      Verdict verdict = probe(provider).probe(mapped, BOTH, Registration.PLAIN);
      assertThat(verdict.proven()).isFalse();
      assertThat(verdict.reason()).contains("cannot be had");
      assertThat(probe(provider).probe(mapped, READ, Registration.PLAIN).proven()).isFalse();
    } finally {
      Files.delete(file);
    }
  }

  @Test
  void writesThatLandElsewhereAndAreReportedAsDoneAreFound() throws Exception {
    RegistrationProbe wrong = probe(misplacing("postWriteAndConfirm"));
    assertMisplaced("write", wrong.probe(memory(), BOTH, Registration.PLAIN));
  }

  @Test
  void memoryThatIsSomebodysKeepsItsContent() throws Exception {
    MemorySegment memory = memory();
    MemorySegment before = Arena.ofAuto().allocate(memory.byteSize()).copyFrom(memory);
    assertThat(probe(provider).probeInPlace(memory, BOTH, Registration.PLAIN))
        .isEqualTo(Verdict.PROVEN);
    assertThat(memory.mismatch(before)).isEqualTo(-1);

    RegistrationProbe wrong = probe(misplacing("postWriteAndConfirm"));
    assertMisplaced("write", wrong.probeInPlace(memory, BOTH, Registration.PLAIN));
    assertThat(memory.mismatch(before)).as("mended").isEqualTo(-1);
  }

  @Test
  void flushIsProvenOnlyWhereThereIsOne() throws Exception {
    Set<RemoteAccess> all = Set.of(RemoteAccess.values());
    assertThat(probe(provider).probe(memory(), all, Registration.PLAIN).proven()).isFalse();
  }

  @Test
  void readsFromElsewhereThatAreReportedAsDoneAreFound() throws Exception {
    RegistrationProbe wrong = probe(misplacing("postRead"));
    assertMisplaced("read", wrong.probe(memory(), READ, Registration.PLAIN));
  }

  @Test
  void accessThatIsRefusedIsNotProven() throws Exception {
    RdmaProvider wrong =
        withPostsAltered(
            "postRead",
            arguments -> {
              arguments[3] = (long) arguments[3] - (1L << 40);
              return arguments;
            });
    Verdict verdict = probe(wrong).probe(memory(), READ, Registration.PLAIN);
    assertThat(verdict.reason()).contains("a read of 4096 octets at 0 ended");
    assertThat(verdict.proven()).isFalse();
  }

  @Test
  void mannerThatTheProviderDoesNotHaveIsRefusedWithTheReason() throws Exception {
    Verdict verdict = probe(provider).probe(memory(), READ, Registration.ON_DEMAND);
    assertThat(verdict.proven()).isFalse();
    assertThat(verdict.reason()).contains("on demand");
  }

  @Test
  void nothingIsLeftRegistered() throws Exception {
    for (int i = 0; i < 3; i++) {
      assertThat(probe(provider).probeOwnMemory().proven()).isTrue();
    }
    assertThat(provider.statistics().get(Counter.LIVE_REGIONS)).isZero();
  }

  @Test
  void nobodyElseIsLetInMeanwhile() throws Exception {
    AtomicReference<ConnectionAcceptor> acceptor = new AtomicReference<>();
    RdmaProvider heard =
        wrap(
            RdmaProvider.class,
            provider,
            "listen",
            (made, arguments) -> {
              acceptor.set((ConnectionAcceptor) arguments[1]);
              return made;
            });
    assertThat(probe(heard).probeOwnMemory()).isEqualTo(Verdict.PROVEN);
    ConnectionAcceptor.ConnectionRequest foreign =
        new ConnectionAcceptor.ConnectionRequest() {
          @Override
          public ByteBuffer privateData() {
            return ByteBuffer.wrap("self-test".getBytes(StandardCharsets.US_ASCII));
          }

          @Override
          public String remoteAddress() {
            return "somebody";
          }
        };
    assertThat(acceptor.get().onRequest(foreign)).isInstanceOf(ConnectionAcceptor.Refuse.class);
  }

  @Test
  void memoryIsTheDevicesUntilItLetsGoOfItHoweverLateThatIs() throws Exception {
    CompletableFuture<Void> end = new CompletableFuture<>();
    RdmaProvider slow =
        wrap(
            RdmaProvider.class,
            provider,
            "allocateProtectionDomain",
            (domain, _) ->
                wrap(
                    ProtectionDomain.class,
                    (ProtectionDomain) domain,
                    "register",
                    (region, arguments) ->
                        arguments.length == 2
                            ? region
                            : wrap(
                                MemoryRegion.class,
                                (MemoryRegion) region,
                                "invalidate",
                                (_, _) -> end)));
    RegistrationProbe probe =
        new RegistrationProbe(slow, InetAddress.getLoopbackAddress(), new Random(7), 1);
    Verdict verdict = probe.probe(memory(), READ, Registration.PLAIN);
    assertThat(verdict.reason()).contains("did not let go");
    CompletableFuture<Void> free = probe.lettingGo();
    assertThat(free).isNotDone();
    end.complete(null);
    assertThat(free).isCompleted();
    assertThat(probe.lettingGo()).isCompleted();
  }

  /** As soft RoCE does it on demand: the offset within the page is forgotten. */
  private RdmaProvider misplacing(String method) {
    return withPostsAltered(
        method,
        arguments -> {
          arguments[3] = (long) arguments[3] / PAGE * PAGE;
          return arguments;
        });
  }

  private static void assertMisplaced(String access, Verdict verdict) {
    assertThat(verdict.proven()).isFalse();
    assertThat(verdict.reason()).contains("a " + access + " of 1 octets at 1 was reported as done");
  }

  private RdmaProvider withPostsAltered(String method, UnaryOperator<Object[]> change) {
    return wrap(
        RdmaProvider.class,
        provider,
        "connect",
        (target, arguments) -> wrap(QueuePair.class, (QueuePair) target, method, null, change));
  }

  private interface Result {
    Object of(Object made, Object[] arguments);
  }

  private static <T> T wrap(Class<T> type, T real, String method, Result result) {
    return wrap(type, real, method, result, UnaryOperator.identity());
  }

  private static <T> T wrap(
      Class<T> type, T real, String method, Result result, UnaryOperator<Object[]> change) {
    Object proxy =
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (_, called, arguments) -> {
              boolean meant = called.getName().equals(method);
              try {
                Object made = called.invoke(real, meant ? change.apply(arguments) : arguments);
                return meant && result != null ? result.of(made, arguments) : made;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
    return type.cast(proxy);
  }
}
