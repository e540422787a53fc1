package io.selkie.test.siw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.RemoteAccess;
import io.selkie.rdma.WorkStatus;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.test.siw.Connected.SetUp;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Goal: what must not be done is refused between our iWARP and the Linux kernel's, on both sides,
 * nothing is placed, and each side understands the other's Terminate.
 *
 * <p>Method: as in {@link SiwOperationsTest}. The kernel prints the Terminates that it receives.
 */
@Tag("debian")
@Tag("slow")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@ExtendWith(SiwGuestExtension.class)
class SiwErrorsTest {

  private static final int BYTES = 8192;

  /** What is wrong with the memory that an access names. */
  enum Wrong {
    KEY,
    BOUNDS,
    BEFORE,
    WRAPS,
    RIGHT,
    DOMAIN,
    DEREGISTERED,
    INVALIDATED
  }

  private static Stream<Arguments> accesses() {
    return Arrays.stream(Wrong.values())
        .flatMap(wrong -> Stream.of(Arguments.of(wrong, true), Arguments.of(wrong, false)));
  }

  /**
   * This kernel lets whoever has the key read, with the right to read or without; and it does not
   * look for the end of the address space, where it has just no pages.
   */
  private static Stream<Arguments> accessesTheKernelRefuses() {
    return accesses()
        .filter(access -> !List.of(Wrong.RIGHT, false).equals(List.of(access.get())))
        .filter(access -> access.get()[0] != Wrong.WRAPS);
  }

  /** Where an access of 100 octets begins, with a region that begins there. */
  private static long address(Wrong wrong, long begin) {
    return switch (wrong) {
      case BOUNDS -> begin + BYTES - 99;
      case BEFORE -> begin - 1;
      case WRAPS -> -50;
      case KEY, RIGHT, DOMAIN, DEREGISTERED, INVALIDATED -> begin + 1;
    };
  }

  /**
   * What the kernel prints of a Terminate. It has the fields of an octet the wrong way round on
   * machines like this one, whoever sent it: the layer in the place of the type.
   */
  static String printed(int layer, int type, int code) {
    return "got TERMINATE. layer %d, type %d, code %d".formatted(type, layer, code);
  }

  // ---- the kernel refuses ----

  @ParameterizedTest
  @MethodSource("accessesTheKernelRefuses")
  void theKernelsTerminateIsUnderstood(Wrong wrong, boolean write, KernelPeer kernel)
      throws Exception {
    try (Connected c = Connected.of(SetUp.JAVA_OPENS, kernel)) {
      KernelPeer.Region good = kernel.register(c.kernelDomain, BYTES, "rw");
      KernelPeer.Region target =
          switch (wrong) {
            case KEY, BOUNDS, BEFORE, WRAPS -> good;
            case RIGHT -> kernel.register(c.kernelDomain, BYTES, write ? "r" : "w");
            case DOMAIN -> kernel.register(kernel.domain(), BYTES, "rw");
            case DEREGISTERED, INVALIDATED -> kernel.register(c.kernelDomain, BYTES, "rw");
          };
      JavaPeer.Region ours = c.java.register(BYTES, RemoteAccess.READ, RemoteAccess.WRITE);
      Octets.fill(ours.memory(), 5);
      kernel.fill(target, 0, BYTES, 9);
      if (wrong == Wrong.DEREGISTERED) {
        kernel.deregister(target);
      } else if (wrong == Wrong.INVALIDATED) {
        kernel.receive(c.endpoint, 1, good, 0, 0);
        c.pair.postSendWithInvalidate(
            ours.registration(), ours.memory().asSlice(0, 0), target.key(), 1);
        assertThat(c.java.completion(1)).isEqualTo(WorkStatus.SUCCESS);
        kernel.succeeded(c.endpoint, 1);
      }
      int key = wrong == Wrong.KEY ? target.key() ^ 0x5A5A00 : target.key();
      long address = address(wrong, target.address());
      if (write) {
        c.pair.postWriteAndConfirm(
            ours.registration(), ours.memory().asSlice(0, 100), key, address, 2);
      } else {
        c.pair.postRead(ours.registration(), ours.memory().asSlice(0, 100), key, address, 2);
      }
      assertThat(c.java.completion(2)).isEqualTo(WorkStatus.REMOTE_ACCESS_ERROR);
      DisconnectCause cause = c.java.awaitEnd();
      assertThat(cause.kind()).as(cause.detail()).isEqualTo(DisconnectCause.Kind.REMOTE_ERROR);
      assertThat(cause.detail()).contains(write ? "layer 1, type 1" : "layer 0, type 1");
      assertThat(kernel.sum(target, 0, BYTES)).isEqualTo(Octets.sum(Octets.of(9, BYTES)));
      assertThat(Octets.copy(ours.memory())).isEqualTo(Octets.of(5, BYTES));
      kernel.awaitDisconnected(c.endpoint);
    }
  }

  /** What is wrong with a Send. */
  enum WrongSend {
    NO_BUFFER,
    TOO_LONG,
    INVALIDATES_UNKNOWN_KEY
  }

  @ParameterizedTest
  @EnumSource
  void theKernelsTerminateOfASendIsUnderstood(WrongSend wrong, KernelPeer kernel) throws Exception {
    try (Connected c = Connected.of(SetUp.JAVA_OPENS, kernel)) {
      KernelPeer.Region theirs = kernel.register(c.kernelDomain, BYTES, "-");
      JavaPeer.Region ours = c.java.register(BYTES);
      if (wrong != WrongSend.NO_BUFFER) {
        kernel.receive(c.endpoint, 1, theirs, 0, 100);
      }
      var message = ours.memory().asSlice(0, wrong == WrongSend.TOO_LONG ? 101 : 100);
      if (wrong == WrongSend.INVALIDATES_UNKNOWN_KEY) {
        c.pair.postSendWithInvalidate(ours.registration(), message, 0x77777700, 2);
        // This kernel tells only its own program, and goes on.
        assertThat(kernel.completion(c.endpoint).succeeded()).isFalse();
        return;
      }
      c.pair.postSend(ours.registration(), message, 2);
      DisconnectCause cause = c.java.awaitEnd();
      assertThat(cause.kind()).as(cause.detail()).isEqualTo(DisconnectCause.Kind.REMOTE_ERROR);
      assertThat(cause.detail()).contains("no buffer available");
      kernel.awaitDisconnected(c.endpoint);
    }
  }

  // ---- we refuse ----

  @ParameterizedTest
  @MethodSource("accesses")
  void theKernelUnderstandsOurTerminate(Wrong wrong, boolean write, KernelPeer kernel)
      throws Exception {
    try (Connected c = Connected.of(SetUp.KERNEL_OPENS, kernel)) {
      JavaPeer.Region target =
          switch (wrong) {
            case RIGHT -> c.java.register(BYTES, write ? RemoteAccess.READ : RemoteAccess.WRITE);
            case DOMAIN -> c.java.registerElsewhere(BYTES, RemoteAccess.READ, RemoteAccess.WRITE);
            case KEY, BOUNDS, BEFORE, WRAPS, DEREGISTERED, INVALIDATED ->
                c.java.register(BYTES, RemoteAccess.READ, RemoteAccess.WRITE);
          };
      KernelPeer.Region theirs = kernel.register(c.kernelDomain, BYTES, "rw");
      Octets.fill(target.memory(), 5);
      kernel.fill(theirs, 0, BYTES, 9);
      if (wrong == Wrong.DEREGISTERED) {
        target.registration().invalidate().toCompletableFuture().get(60, TimeUnit.SECONDS);
      } else if (wrong == Wrong.INVALIDATED) {
        kernel.send(c.endpoint, 1, theirs, 0, 0, "i", target.key());
        kernel.succeeded(c.endpoint, 1);
        assertThat(c.java.awaitMessage().invalidatedKey()).isEqualTo(target.key());
      }
      var _ = kernel.kernelWords();
      int key = wrong == Wrong.KEY ? target.key() ^ 0x5A5A00 : target.key();
      long address = address(wrong, target.address());
      if (write) {
        kernel.write(c.endpoint, 2, theirs, 0, 100, key, address);
      } else {
        kernel.read(c.endpoint, 2, theirs, 0, 100, key, address);
      }
      DisconnectCause cause = c.java.awaitEnd();
      assertThat(cause.kind()).as(cause.detail()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
      int[] code = code(wrong, write);
      assertThat(cause.detail())
          .contains("layer %d, type %d, code 0x%02x".formatted(code[0], code[1], code[2]));
      kernel.awaitDisconnected(c.endpoint);
      assertThat(kernel.kernelWords()).contains(printed(code[0], code[1], code[2]));
      if (!write) {
        assertThat(kernel.completion(c.endpoint).succeeded()).isFalse();
      }
      assertThat(Octets.copy(target.memory())).isEqualTo(Octets.of(5, BYTES));
      assertThat(kernel.sum(theirs, 0, BYTES)).isEqualTo(Octets.sum(Octets.of(9, BYTES)));
    }
  }

  /** RFC 5041 section 7.2 for writes, RFC 5040 section 4.8 for reads. */
  private static int[] code(Wrong wrong, boolean write) {
    return write
        ? switch (wrong) {
          // There is no code of DDP for a right that is missing.
          case KEY, RIGHT, DEREGISTERED, INVALIDATED -> new int[] {1, 1, 0};
          case BOUNDS, BEFORE -> new int[] {1, 1, 1};
          case WRAPS -> new int[] {1, 1, 3};
          case DOMAIN -> new int[] {1, 1, 2};
        }
        : switch (wrong) {
          case KEY, DEREGISTERED, INVALIDATED -> new int[] {0, 1, 0};
          case BOUNDS, BEFORE -> new int[] {0, 1, 1};
          case WRAPS -> new int[] {0, 1, 4};
          case RIGHT -> new int[] {0, 1, 2};
          case DOMAIN -> new int[] {0, 1, 3};
        };
  }

  /** Without the Send that finds no buffer: whoever listens here, as this side does, has one. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NO_BUFFER")
  void theKernelUnderstandsOurTerminateOfASend(WrongSend wrong, KernelPeer kernel)
      throws Exception {
    try (Connected c = Connected.of(SetUp.KERNEL_OPENS, kernel)) {
      KernelPeer.Region theirs = kernel.register(c.kernelDomain, BYTES, "-");
      var _ = kernel.kernelWords();
      boolean tooLong = wrong == WrongSend.TOO_LONG;
      // We take 4096 octets.
      kernel.send(c.endpoint, 1, theirs, 0, tooLong ? 4097 : 10, tooLong ? "-" : "i", 0x77777700);
      DisconnectCause cause = c.java.awaitEnd();
      assertThat(cause.kind()).as(cause.detail()).isEqualTo(DisconnectCause.Kind.LOCAL_ERROR);
      kernel.awaitDisconnected(c.endpoint);
      assertThat(kernel.kernelWords()).contains(tooLong ? printed(1, 2, 5) : printed(0, 1, 9));
    }
  }

  // ---- ends that nobody announced ----

  @Test
  void aFenceOfOursEndsTheKernelsSide(KernelPeer kernel) throws Exception {
    try (Connected c = Connected.of(SetUp.KERNEL_OPENS, kernel)) {
      KernelPeer.Region theirs = kernel.register(c.kernelDomain, BYTES, "rw");
      kernel.receive(c.endpoint, 1, theirs, 0, BYTES);
      c.pair.abort("a fence");
      assertThat(c.java.awaitEnd().kind()).isEqualTo(DisconnectCause.Kind.LOCAL_ABORT);
      kernel.awaitDisconnected(c.endpoint);
      assertThat(kernel.completion(c.endpoint).succeeded()).isFalse();
    }
  }

  @Test
  void aKernelThatDropsItsQueuePairEndsOurs(KernelPeer kernel) throws Exception {
    try (Connected c = Connected.of(SetUp.JAVA_OPENS, kernel)) {
      c.closeTheKernels();
      DisconnectCause cause = c.java.awaitEnd();
      assertThat(cause.kind()).isEqualTo(DisconnectCause.Kind.REMOTE_CLOSE);
    }
  }

  // ---- refusals ----

  @Test
  void aRefusalOfTheKernelCarriesItsPrivateData(KernelPeer kernel) throws Exception {
    Refusals.ofTheKernel(kernel);
  }

  @Test
  void aRefusalOfOursReachesTheKernel(KernelPeer kernel) throws IOException, InterruptedException {
    Refusals.ofOurs(kernel);
  }

  @Test
  void whereNobodyListensTheKernelIsRefused(KernelPeer kernel) throws Exception {
    int port;
    try (JavaPeer java = new JavaPeer(IwarpConfig.DEFAULTS)) {
      port = java.listen(Connected.text("gone by then"), false);
    }
    int endpoint = kernel.resolve(port);
    kernel.queuePair(endpoint, kernel.domain());
    // The kernel says so at the call, and not by an event.
    assertThatThrownBy(() -> kernel.connect(endpoint, Connected.text("anybody")))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("rdma_connect: Connection refused");
    kernel.close(endpoint);
  }
}
