package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.config.CommandLineSettings;
import io.selkie.config.ConfigLoader;
import io.selkie.config.ExportConfig;
import io.selkie.config.ExportConfig.BlockLayouts;
import io.selkie.config.SelkieConfig;
import io.selkie.posix.DaxDevice;
import io.selkie.posix.DeviceFiles;
import io.selkie.posix.FileLockType;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.protocol.layout.rdma.RdmaExtent4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.rdma.WorkStatus;
import io.selkie.server.SelkieServer;
import io.selkie.server.ops.FileCalls.Opened;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a device is served as one file that keeps its size and place, whichever way clients reach
 * it.
 *
 * <p>Method: a whole server whose "device" is an ordinary file, mapped as one.
 */
@Timeout(120)
class DeviceExportTest {
  private static final int SIZE = 4 << 20;
  private static final UUID UUID_OF_DATA = new UUID(1, 2);

  private Optional<UUID> identity = Optional.of(UUID_OF_DATA);
  private Path folder;
  private Path device;
  private SelkieServer server;
  private FileCalls client;

  @BeforeEach
  void start() throws Exception {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    Files.createDirectories(base);
    folder = Files.createTempDirectory(base, "device");
    device = folder.resolve("dax0.0");
    try (RandomAccessFile file = new RandomAccessFile(device.toFile(), "rw")) {
      file.setLength(SIZE);
    }
    Files.writeString(Files.createDirectory(folder.resolve("facts")).resolve("size"), SIZE + "\n");
    serve();
  }

  private void serve() throws Exception {
    server = SelkieServer.start(config(), new DeviceFiles(new LinuxKernel(), this::find));
    client = FileCalls.connect(server.nfsAddress(), "client", new LinuxKernel().effectiveUid());
  }

  private DaxDevice find(Path path) {
    return new DaxDevice(path, SIZE, 4096, identity, folder.resolve("facts"), Optional.empty());
  }

  private SelkieConfig config() throws Exception {
    String yaml =
        """
        listen: 127.0.0.1:0
        rdma: {listen: 127.0.0.1:0}
        delegations: {enabled: false}
        stateDirectory: %s
        """
            .formatted(folder.resolve("state"));
    return ConfigLoader.parse("test", yaml, CommandLineSettings.NONE)
        .withExports(
            List.of(
                new ExportConfig(
                    device, device, "data", "dev", false, true, BlockLayouts.NONE, List.of())));
  }

  @AfterEach
  void stop() throws IOException {
    client.close();
    server.close();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private Opened open() {
    Opened opened = client.open(client.handleOf("dev"), "data", BOTH, DENY_NONE);
    assertThat(opened.status()).isEqualTo("NFS4_OK");
    return opened;
  }

  private static byte[] pattern(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i * 7 + 1);
    }
    return bytes;
  }

  private byte[] onDevice(int offset, int length) throws IOException {
    return Arrays.copyOfRange(Files.readAllBytes(device), offset, offset + length);
  }

  @Test
  void whatIsWrittenIsOnTheDeviceAndComesBack() throws Exception {
    Opened file = open();
    assertThat(client.attributes(file.handle()).size()).isEqualTo(SIZE);
    byte[] data = pattern(10_001);

    assertThat(client.write(file.handle(), file.stateid(), 4095, Nfs4Const.FILE_SYNC4, data))
        .extracting(FileCalls.Written::status, FileCalls.Written::count)
        .containsExactly("NFS4_OK", data.length);

    assertThat(client.read(file.handle(), file.stateid(), 4095, data.length).bytes())
        .isEqualTo(data);
    assertThat(onDevice(4095, data.length)).isEqualTo(data);
    FileCalls.Data end = client.read(file.handle(), file.stateid(), SIZE - 5, 100);
    assertThat(end.bytes()).hasSize(5);
    assertThat(end.eof()).isTrue();
    assertThat(client.close(file.handle(), file.stateid())).isEqualTo("NFS4_OK");
  }

  @Test
  void aWriteMovesTheTimeOfChange() throws Exception {
    Opened file = open();
    Path standIn = folder.resolve("state/devices/dev." + UUID_OF_DATA + "/data");
    Files.setLastModifiedTime(standIn, FileTime.fromMillis(1_000_000));
    assertThat(client.attributes(file.handle()).mtimeSec()).isEqualTo(1000);

    assertThat(
            client
                .write(file.handle(), file.stateid(), 0, Nfs4Const.UNSTABLE4, pattern(1))
                .status())
        .isEqualTo("NFS4_OK");

    assertThat(client.attributes(file.handle()).mtimeSec()).isGreaterThan(1000);
  }

  @Test
  void sizeAndBlocksStayWhatTheyAre() {
    Opened file = open();
    assertThat(client.setAttr(file.handle(), file.stateid(), FileCalls.size(4096)))
        .isEqualTo("NFS4ERR_PERM");
    assertThat(client.setAttr(file.handle(), file.stateid(), FileCalls.size(SIZE + 1)))
        .isEqualTo("NFS4ERR_FBIG");
    assertThat(client.setAttr(file.handle(), file.stateid(), FileCalls.size(SIZE)))
        .isEqualTo("NFS4_OK");
    Calls42 calls = new Calls42(client);
    assertThat(calls.allocate(file.handle(), file.stateid(), 0, 4096)).isEqualTo("NFS4ERR_NOTSUPP");
    assertThat(calls.deallocate(file.handle(), file.stateid(), 0, 4096))
        .isEqualTo("NFS4ERR_NOTSUPP");
    assertThat(calls.cloneRange(file, file, new Calls42.Range(0, 8192, 4096)))
        .isEqualTo("NFS4ERR_NOTSUPP");
    assertThat(
            client
                .write(file.handle(), file.stateid(), SIZE, Nfs4Const.UNSTABLE4, pattern(1))
                .status())
        .isEqualTo("NFS4ERR_FBIG");
    assertThat(
            client
                .write(file.handle(), file.stateid(), SIZE - 3, Nfs4Const.UNSTABLE4, pattern(10))
                .count())
        .isEqualTo(3);
    assertThat(client.attributes(file.handle()).size()).isEqualTo(SIZE);
  }

  @Test
  void allOfItIsDataToWhoLooksForHoles() {
    Opened file = open();
    Calls42 calls = new Calls42(client);
    assertThat(calls.seek(file.handle(), file.stateid(), 100, 0).offset()).isEqualTo(100);
    assertThat(calls.seek(file.handle(), file.stateid(), 100, 1).offset()).isEqualTo(SIZE);
    client.write(file.handle(), file.stateid(), 8192, Nfs4Const.UNSTABLE4, pattern(5));
    Calls42.Segments read = calls.readPlus(file.handle(), file.stateid(), 8192, 5);
    assertThat(read.all()).singleElement().matches(segment -> !segment.hole());
    assertThat(read.all().getFirst().bytes()).isEqualTo(pattern(5));
  }

  @Test
  void namesStayWhatTheyAre() {
    byte[] root = client.handleOf("dev");
    assertThat(client.create(root, "other").status()).isEqualTo("NFS4ERR_ROFS");
    assertThat(client.on(root, NfsOp4.OP_REMOVE, FileCalls.name("data")).status())
        .isEqualTo("NFS4ERR_ROFS");
    // A create that is content with what is there.
    Opened existing = client.create(root, "data");
    assertThat(existing.status()).isEqualTo("NFS4_OK");
    assertThat(client.attributes(existing.handle()).size()).isEqualTo(SIZE);
    String renamed =
        client
            .onTwo(
                root,
                root,
                NfsOp4.OP_RENAME,
                o -> {
                  FileCalls.name("data").accept(o);
                  FileCalls.name("elsewhere").accept(o);
                })
            .status();
    assertThat(renamed).isEqualTo("NFS4ERR_ROFS");
  }

  @Test
  void layoutsReachTheDeviceItself() throws Exception {
    Opened file = open();
    HeldLayout layout =
        HeldLayout.get(client, file.handle(), file.stateid(), LayoutConst4.LAYOUTIOMODE4_RW);
    RdmaExtent4 extent = layout.content().extents().getFirst();
    assertThat(extent.length()).isEqualTo(SIZE);
    byte[] data = pattern(5001);
    try (DirectPeer peer =
        DirectPeer.connect(server.rdmaAddress().orElseThrow(), client.session().id())) {
      long address = extent.storageOffset() + 4093;
      assertThat(peer.write(extent.handle(), address, data)).isEqualTo(WorkStatus.SUCCESS);
      byte[] back = new byte[data.length];
      assertThat(peer.read(extent.handle(), address, back)).isEqualTo(WorkStatus.SUCCESS);
      assertThat(back).isEqualTo(data);
    }
    assertThat(onDevice(4093, data.length)).isEqualTo(data);
    assertThat(client.read(file.handle(), file.stateid(), 4093, data.length).bytes())
        .isEqualTo(data);
    layout.giveBack();
  }

  @Test
  void aServerThatComesBackKnowsItsHandlesAndWhatWasSet() throws Exception {
    Opened file = open();
    assertThat(client.setAttr(file.handle(), file.stateid(), FileCalls.mode(0604)))
        .isEqualTo("NFS4_OK");
    client.close();
    server.close();

    serve();

    assertThat(client.attributes(file.handle()).permissions()).isEqualTo(0604);
    assertThat(client.attributes(file.handle()).size()).isEqualTo(SIZE);
  }

  @Test
  void whatElseIsInItsDirectoryIsSetAside() throws Exception {
    assertThat(client.setAttr(open().handle(), open().stateid(), FileCalls.mode(0604)))
        .isEqualTo("NFS4_OK");
    client.close();
    server.close();
    Path directory = folder.resolve("state/devices/dev." + UUID_OF_DATA);
    Files.writeString(directory.resolve("a"), "old");
    Files.writeString(directory.resolve("z"), "older");

    serve();

    Opened file = open();
    assertThat(client.attributes(file.handle()).permissions()).isEqualTo(0604);
    assertThat(client.attributes(file.handle()).size()).isEqualTo(SIZE);
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).containsExactly(directory.resolve("data"));
    }
    assertThat(directory.resolveSibling(directory.getFileName() + ".aside.z")).hasContent("older");
  }

  @Test
  void devicesWithoutAnIdentityHaveStandInsOfTheirOwn() throws Exception {
    client.close();
    server.close();
    identity = Optional.empty();

    serve();

    try (Stream<Path> files = Files.list(folder.resolve("state/devices"))) {
      assertThat(files.map(each -> each.getFileName().toString()))
          .contains("dev." + device.toString().replace("/", "%2f"));
    }
  }

  @Test
  void aDeviceThatSomebodyHasIsNotServed() throws Exception {
    server.close();
    Kernel kernel = new LinuxKernel();
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(device.toString()),
            OpenFlags.RDWR | OpenFlags.CLOEXEC,
            0,
            0);
    assertThat(kernel.setFileLock(fd, FileLockType.EXCLUSIVE, 0, 0)).isZero();

    assertThatThrownBy(this::serve)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("end the process that uses it");

    kernel.close(fd);
    client.close();
    serve();
    assertThat(open().status()).isEqualTo("NFS4_OK");
  }
}
