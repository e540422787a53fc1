package io.selkie.test.fire;

import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.MapFlags;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.posix.PosixException;
import io.selkie.test.support.ServerProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The beginning of a DAX device that is served as one file: the storage that RDMA devices reach for
 * writing. Its bytes are looked at through a mapping of our own. To have it to oneself one opens
 * its stand-in for writing, which ends all layouts as with any file, and there are none as long as
 * it is open.
 */
final class FireDevice implements Ground {

  /** What is mapped of it, a multiple of any alignment of devices; what is not the file's is 0. */
  private static final long BYTES = 4 << 20;

  private static final String EXPORT = "device";

  private final Kernel kernel = new LinuxKernel();
  private final Path device;
  private final String rdmaHost;
  private final int fd;
  private final long address;
  private final MemorySegment memory;
  private final Witness.Contents contents;
  private final int fileBytes;
  private Path state;

  /**
   * One.
   *
   * @param rdmaHost an address of the RDMA device
   * @param fileBytes as much of it as is under fire
   */
  @SuppressWarnings("restricted")
  FireDevice(Path device, String rdmaHost, int fileBytes) throws PosixException {
    this.device = device;
    this.rdmaHost = rdmaHost;
    this.fileBytes = fileBytes;
    fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(device.toString()),
            OpenFlags.RDWR | OpenFlags.CLOEXEC,
            0,
            0);
    if (fd < 0) {
      throw new PosixException("openat2", fd, device.toString(), "the guest has one");
    }
    int protection = MapFlags.PROT_READ | MapFlags.PROT_WRITE;
    address = kernel.mmap(fd, 0, BYTES, protection, MapFlags.SHARED);
    if (address < 0) {
      kernel.close(fd);
      throw new PosixException("mmap", address, device.toString(), "see the kernel's log");
    }
    memory = MemorySegment.ofAddress(address).reinterpret(BYTES);
    memory.fill((byte) 0);
    contents =
        new Witness.Contents() {
          @Override
          public ByteBuffer read(FileChannel open) {
            ByteBuffer content = ByteBuffer.allocateDirect(fileBytes);
            MemorySegment.ofBuffer(content).copyFrom(memory.asSlice(0, fileBytes));
            return content;
          }

          @Override
          public void write(FileChannel open, ByteBuffer content) {
            MemorySegment.copy(MemorySegment.ofBuffer(content), 0, memory, 0, content.remaining());
          }
        };
  }

  /** With the optimising compiler, which alone has the instructions that a device needs. */
  @Override
  public ServerProcess.Builder server(Path scratch) {
    state = scratch.resolve("state");
    return ServerProcess.ofDevice(device, EXPORT, Fire.fileName(0))
        .scratch(scratch)
        .rdmaHost(rdmaHost);
  }

  /** The server makes it. */
  private Path standIn() {
    try (Stream<Path> files = Files.walk(state.resolve("devices"))) {
      return files
          .filter(file -> file.endsWith(Fire.fileName(0)))
          .findAny()
          .orElseThrow(() -> new IllegalStateException("no stand-in in " + state));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public Witness witness(int file, int bytes, Board board, Marks marks, Consumer<String> violations)
      throws IOException {
    if (file != 0 || bytes != fileBytes) {
      throw new IllegalArgumentException("a device is one file");
    }
    Witness witness =
        new Witness(file, this::standIn, device, contents, bytes, board, marks, violations);
    witness.fill(null);
    return witness;
  }

  /** No open cuts a device, and no SETATTR. */
  @Override
  public Set<Attack.Strike> strikes() {
    return EnumSet.of(
        Attack.Strike.OPEN, Attack.Strike.RECALL, Attack.Strike.FENCE, Attack.Strike.FENCE_ALL);
  }

  @Override
  public Set<Witness.Act> acts() {
    return EnumSet.of(Witness.Act.WRITE_OVER);
  }

  @Override
  public Map.Entry<String, Object> named(Witness witness) {
    return Map.entry("export", EXPORT);
  }

  @Override
  public String scan(Map<Path, ByteBuffer> ofWitnesses, Consumer<String> violations) {
    MemorySegment rest = memory.asSlice(fileBytes);
    long wrong = rest.mismatch(MemorySegment.ofArray(new byte[Math.toIntExact(rest.byteSize())]));
    if (wrong >= 0) {
      violations.accept(
          "octet %d of %s, which no layout covers, was written"
              .formatted(fileBytes + wrong, device));
    }
    return "the %d bytes of %s behind the file were looked at".formatted(rest.byteSize(), device);
  }

  @Override
  public void close() {
    kernel.munmap(address, BYTES);
    kernel.close(fd);
  }
}
