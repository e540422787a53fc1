package io.selkie.server.state;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory of what outlives the server: who it is, and how often it was started. It belongs to
 * one running server at a time, which holds a lock on the file {@code lock}; the kernel gives that
 * up however the process ends (S5).
 */
public final class StateDirectory implements AutoCloseable {

  /** The system's place. */
  public static final Path SYSTEM = Path.of("/var/lib/selkie");

  private static final Logger LOG = LoggerFactory.getLogger(StateDirectory.class);
  private static final int ID_BYTES = 16;

  private final Path path;
  private final FileChannel lockFile;
  private final int bootEpoch;
  private final byte[] serverId;

  private StateDirectory(Path path, FileChannel lockFile, int bootEpoch, byte[] serverId) {
    this.path = path;
    this.lockFile = lockFile;
    this.bootEpoch = bootEpoch;
    this.serverId = serverId;
  }

  /**
   * Where it is when nobody says: the system's place if it can be written, which root makes when it
   * does not exist, otherwise the user's own, as the XDG base directories have it.
   *
   * @param userId the effective user
   * @param system the system's place
   * @param stateHome the variable XDG_STATE_HOME; counts when it is absolute
   * @param home the user's home
   */
  public static Path defaultPath(int userId, Path system, Optional<String> stateHome, Path home) {
    if (userId == 0) {
      try {
        Files.createDirectories(system);
      } catch (IOException e) {
        LOG.warn("the state directory {} cannot be made: {}", system, e.toString());
      }
    }
    if (Files.isDirectory(system) && Files.isWritable(system)) {
      return system;
    }
    if (userId == 0) {
      LOG.warn("{} cannot be written, the state goes into the home of this user", system);
    }
    return stateHome
        .map(Path::of)
        .filter(Path::isAbsolute)
        .orElseGet(() -> home.resolve(".local").resolve("state"))
        .resolve("selkie");
  }

  /**
   * Takes the directory, makes it when it does not exist, and begins a new boot epoch.
   *
   * @throws IOException when it cannot be made, read or written, or another server has it; the
   *     message says what to do
   */
  public static StateDirectory open(Path path, RandomGenerator random) throws IOException {
    Path lockPath = path.resolve("lock");
    try {
      Files.createDirectories(path);
    } catch (IOException e) {
      throw new IOException(
          "the state directory "
              + path
              + " cannot be made: "
              + e
              + "; give another one with --state-dir or the key stateDirectory",
          e);
    }
    FileChannel lockFile =
        FileChannel.open(
            lockPath, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      if (!lock(lockFile)) {
        throw new IOException(
            "the state directory "
                + path
                + " belongs to a running server"
                + owner(lockFile).map(pid -> ", process " + pid).orElse("")
                + "; stop that one, or give each its own with --state-dir");
      }
      writeOwner(lockFile);
      int epoch = readEpoch(path) + 1;
      replace(path, "epoch", Integer.toUnsignedString(epoch));
      return new StateDirectory(path, lockFile, epoch, readOrMakeId(path, random));
    } catch (IOException | RuntimeException e) {
      lockFile.close();
      throw e;
    }
  }

  private static boolean lock(FileChannel file) throws IOException {
    try {
      FileLock lock = file.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException _) {
      return false;
    }
  }

  private static Optional<String> owner(FileChannel file) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(32);
    file.read(text, 0);
    String pid = new String(text.array(), 0, text.position(), UTF_8).strip();
    return pid.matches("\\d+") ? Optional.of(pid) : Optional.empty();
  }

  private static void writeOwner(FileChannel file) throws IOException {
    file.truncate(0);
    file.write(UTF_8.encode(ProcessHandle.current().pid() + "\n"), 0);
  }

  private static int readEpoch(Path directory) throws IOException {
    Path file = directory.resolve("epoch");
    if (!Files.exists(file)) {
      return 0;
    }
    String text = Files.readString(file).strip();
    try {
      return Integer.parseUnsignedInt(text);
    } catch (NumberFormatException e) {
      throw new IOException(
          file
              + " does not hold a number but '"
              + text
              + "'; restore it, or remove it if no client"
              + " of this server is left",
          e);
    }
  }

  private static byte[] readOrMakeId(Path directory, RandomGenerator random) throws IOException {
    Path file = directory.resolve("server-id");
    if (!Files.exists(file)) {
      byte[] id = new byte[ID_BYTES];
      random.nextBytes(id);
      replace(directory, "server-id", HexFormat.of().formatHex(id));
      return id;
    }
    String text = Files.readString(file).strip();
    if (!text.matches("[0-9a-f]{" + 2 * ID_BYTES + "}")) {
      throw new IOException(file + " does not hold a server's id; restore it, or remove it");
    }
    return HexFormat.of().parseHex(text);
  }

  /** On disk as a whole or not at all. */
  private static void replace(Path directory, String name, String text) throws IOException {
    Path draft = directory.resolve(name + ".new");
    try (FileChannel file =
        FileChannel.open(
            draft,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ByteBuffer bytes = UTF_8.encode(text + "\n");
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
      file.force(true);
    }
    Files.move(draft, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel folder = FileChannel.open(directory, StandardOpenOption.READ)) {
      folder.force(true);
    }
  }

  /** The directory. */
  public Path path() {
    return path;
  }

  /** Differs from that of every earlier start with this directory; counts up. */
  public int bootEpoch() {
    return bootEpoch;
  }

  /** Which server this is, the same from start to start: 16 bytes. */
  public byte[] serverId() {
    return serverId.clone();
  }

  /** Lets another server have it. Idempotent. */
  @Override
  public void close() throws IOException {
    lockFile.close();
  }
}
