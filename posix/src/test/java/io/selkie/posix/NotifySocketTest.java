package io.selkie.posix;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import jnr.ffi.LibraryLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Goal: what is sent arrives, one datagram each, by a path and by an abstract name. */
@Timeout(600)
class NotifySocketTest {

  private static final LibC LIBC = LibraryLoader.create(LibC.class).load("c");

  @TempDir Path dir;

  /** The other side: bound before anybody connects. */
  private static final class Receiver implements AutoCloseable {
    private final boolean x86 = Machine.current() == Machine.X86_64;
    private final int fd = (int) LIBC.syscall(x86 ? 41 : 198, 1, 2, 0, 0);

    Receiver(String address) {
      byte[] name = address.getBytes(UTF_8);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment memory = arena.allocate(110, 8);
        memory.set(ValueLayout.JAVA_SHORT, 0, (short) 1);
        MemorySegment.copy(name, 0, memory, ValueLayout.JAVA_BYTE, 2, name.length);
        long length = 2L + name.length;
        if (address.startsWith("@")) {
          memory.set(ValueLayout.JAVA_BYTE, 2, (byte) 0);
        } else {
          length++;
        }
        assertThat(LIBC.syscall(x86 ? 49 : 200, fd, memory.address(), length, 0)).isZero();
      }
    }

    String next() {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment memory = arena.allocate(4096);
        int length = (int) LIBC.syscall(x86 ? 0 : 63, fd, memory.address(), 4096, 0);
        assertThat(length).isPositive();
        return new String(memory.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), UTF_8);
      }
    }

    @Override
    public void close() {
      var _ = LIBC.syscall(x86 ? 3 : 57, fd, 0, 0, 0);
    }
  }

  private static void assertArrives(String address) throws PosixException {
    try (Receiver receiver = new Receiver(address);
        NotifySocket socket = new NotifySocket(address)) {
      socket.send("READY=1\nSTATUS=für alle");
      socket.send("STOPPING=1");
      assertThat(receiver.next()).isEqualTo("READY=1\nSTATUS=für alle");
      assertThat(receiver.next()).isEqualTo("STOPPING=1");
    }
  }

  @Test
  void messagesArriveByAPath() throws PosixException {
    assertArrives(dir.resolve("n").toString());
  }

  @Test
  void messagesArriveByAnAbstractName() throws PosixException {
    assertArrives("@selkie-test-" + ProcessHandle.current().pid());
  }

  /** Whoever offers is the thread that recalls hang on. */
  @Test
  void managerThatDoesNotListenKeepsNobodyWaiting() throws Exception {
    String address = dir.resolve("n").toString();
    try (Receiver receiver = new Receiver(address);
        NotifySocket socket = new NotifySocket(address)) {
      CompletableFuture<PosixException> refused = new CompletableFuture<>();
      Thread.ofPlatform()
          .daemon()
          .start(() -> {
            try {
              while (true) {
                socket.offer("WATCHDOG=1");
              }
            } catch (PosixException e) {
              refused.complete(e);
            }
          });
      assertThat(refused.get(120, TimeUnit.SECONDS)).hasMessageContaining("EAGAIN");
      assertThat(receiver.next()).isEqualTo("WATCHDOG=1");
      socket.send("STOPPING=1");
    }
  }

  @Test
  void nobodyThereIsSaidWithWhatToDo() {
    assertThatThrownBy(() -> new NotifySocket(dir.resolve("none").toString()))
        .isInstanceOf(PosixException.class)
        .hasMessageContaining("ENOENT")
        .hasMessageContaining("NOTIFY_SOCKET");
    assertThatThrownBy(() -> new NotifySocket("relative"))
        .isInstanceOf(PosixException.class)
        .hasMessageContaining("EINVAL");
    assertThatThrownBy(() -> new NotifySocket("/" + "x".repeat(200)))
        .isInstanceOf(PosixException.class)
        .hasMessageContaining("EINVAL");
  }

  @Test
  void closedSocketSendsNothingMore() throws PosixException {
    String address = dir.resolve("n").toString();
    try (Receiver receiver = new Receiver(address);
        NotifySocket socket = new NotifySocket(address)) {
      socket.close();
      socket.send("READY=1");
      try (NotifySocket other = new NotifySocket(address)) {
        other.send("first");
      }
      assertThat(receiver.next()).isEqualTo("first");
    }
  }

  /** The copy is the receiver's, whatever the sender does with its own. */
  @Test
  void descriptorArrivesWithItsMessage() throws Exception {
    String address = "@selkie-descriptor-" + ProcessHandle.current().pid();
    Path file = Files.writeString(dir.resolve("file"), "content");
    LinuxKernel kernel = new LinuxKernel();
    int fd = kernel.openat2(Kernel.AT_FDCWD, Names.bytes(file.toString()), OpenFlags.RDONLY, 0, 0);
    try (NotifyReceiver receiver = new NotifyReceiver(address);
        NotifySocket socket = new NotifySocket(address)) {
      assertThat(receiver.await(Optional.empty(), 0)).isEqualTo(NotifyReceiver.Event.NOTHING);
      socket.send("FDSTORE=1", fd);
      kernel.close(fd);

      NotifyReceiver.Message message = receiver.receive().orElseThrow();

      assertThat(message.text()).isEqualTo("FDSTORE=1");
      int copy = message.descriptors().getFirst();
      MemorySegment bytes = Arena.ofAuto().allocate(16);
      assertThat(kernel.pread(copy, bytes, 0)).isEqualTo("content".length());
      NotifyReceiver.close(copy);
      assertThat(receiver.receive()).isEmpty();
    }
  }

  @Test
  void whatWasSentIsKnownToBeHeard() throws Exception {
    String address = "@selkie-barrier-" + ProcessHandle.current().pid();
    try (NotifyReceiver receiver = new NotifyReceiver(address);
        NotifySocket socket = new NotifySocket(address)) {
      assertThat(socket.awaitHeard(Duration.ofMillis(1))).as("nobody has read it").isFalse();
      NotifyReceiver.close(receiver.receive().orElseThrow().descriptors().getFirst());
      CompletableFuture<Boolean> heard =
          CompletableFuture.supplyAsync(() -> {
            try {
              return socket.awaitHeard(Duration.ofMinutes(2));
            } catch (PosixException e) {
              throw new IllegalStateException(e);
            }
          });
      assertThat(receiver.await(Optional.empty(), 60_000)).isEqualTo(NotifyReceiver.Event.MESSAGE);
      NotifyReceiver.Message message = receiver.receive().orElseThrow();
      assertThat(message.text()).isEqualTo("BARRIER=1");
      assertThat(heard).as("while the descriptor is open").isNotDone();
      NotifyReceiver.close(message.descriptors().getFirst());
      assertThat(heard.get(60, TimeUnit.SECONDS)).isTrue();
    }
  }
}
