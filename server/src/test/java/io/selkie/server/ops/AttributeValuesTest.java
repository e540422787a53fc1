package io.selkie.server.ops;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.AtFlags;
import io.selkie.posix.FileStatus;
import io.selkie.posix.FileSystemStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import io.selkie.protocol.nfs4.Bitmap4;
import io.selkie.protocol.nfs4.Nfs4Const;
import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.ops.FileCalls.Answer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Goal: every attribute has the value it should have, on the wire, byte for byte. Method: a table
 * of values that were written down from RFC 8881, RFC 7862 and what the kernel says of the file,
 * numbers and all; nothing of the server's own code takes part in it.
 */
@Timeout(120)
class AttributeValuesTest {

  private static final int LAYOUT4_RDMA = 0x80000006;
  private static final int MEBIBYTE = 1 << 20;

  /** There or not as the file system is: ACL and quotas. */
  private static final Set<Integer> DEPENDS = Set.of(12, 38, 39, 40);

  /**
   * Compared by value in tests of their own: change, fsid, ACL, maxfilesize, quotas, xattr_support,
   * open_arguments.
   */
  private static final Set<Integer> ELSEWHERE = Set.of(3, 8, 12, 27, 38, 39, 40, 82, 86);

  /** To be set only. */
  private static final Set<Integer> WRITE_ONLY = Set.of(48, 54, 63, 74, 81, 84, 85);

  /** Of the file system, and so of layouts. */
  private static final Set<Integer> OF_LAYOUTS = Set.of(63, 64, 65, 66);

  /** What a macOS client asks for with each GETATTR of NFSv4.1. */
  private static final int[] MACOS = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 16, 17, 18, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30,
    31, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 47, 49, 50, 52, 53, 55, 75
  };

  /** archive, hidden and time_backup, which Linux' file systems do not have. */
  private static final Bitmap4 MACOS_IN_VAIN = Bitmap4.of(14, 25, 49);

  private final LinuxKernel kernel = new LinuxKernel();
  private ServerFixture server;
  private FileCalls client;
  private Path path;
  private byte[] file;

  @BeforeEach
  void start() throws IOException {
    start("");
  }

  private void start(String exportKeys) throws IOException {
    server = new ServerFixture(kernel, exportKeys);
    path = Files.write(server.export().resolve("file"), new byte[10_000]);
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-r-----"));
    if (kernel.effectiveUid() == 0) {
      Files.setAttribute(path, "unix:uid", 71_234);
      Files.setAttribute(path, "unix:gid", 5);
    }
    Files.setLastModifiedTime(
        path, FileTime.from(1_234_567_890_123_456_789L, TimeUnit.NANOSECONDS));
    client = server.client("alice");
    file = client.handleOf("data", "file");
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  // ---------------------------------------------------------------- what is expected

  private static byte[] xdr(Consumer<XdrWriter> values) {
    XdrWriter out = new XdrWriter(ByteBuffer.allocate(1024));
    values.accept(out);
    return Arrays.copyOf(out.buffer().array(), out.position());
  }

  private static byte[] number(int value) {
    return ByteBuffer.allocate(4).putInt(value).array();
  }

  private static byte[] number(long value) {
    return ByteBuffer.allocate(8).putLong(value).array();
  }

  private static byte[] words(int... values) {
    ByteBuffer words = ByteBuffer.allocate(4 * values.length);
    for (int value : values) {
      words.putInt(value);
    }
    return words.array();
  }

  private static byte[] time(FileTime time) {
    long nanos = time.to(TimeUnit.NANOSECONDS);
    return ByteBuffer.allocate(12)
        .putLong(Math.floorDiv(nanos, 1_000_000_000L))
        .putInt((int) Math.floorMod(nanos, 1_000_000_000L))
        .array();
  }

  private static byte[] text(String text) {
    return xdr(o -> o.opaque(text.getBytes(UTF_8)));
  }

  private static byte[] bits(Set<Integer> numbers) {
    Bitmap4 bitmap = new Bitmap4();
    numbers.forEach(bitmap::set);
    return xdr(bitmap::encode);
  }

  private int descriptor() {
    int fd =
        kernel.openat2(
            Kernel.AT_FDCWD,
            Names.bytes(path.toString()),
            OpenFlags.RDONLY | OpenFlags.CLOEXEC,
            0,
            0);
    assertThat(fd).isNotNegative();
    return fd;
  }

  private FileSystemStatus fileSystem() {
    int fd = descriptor();
    try {
      FileSystemStatus status = new FileSystemStatus();
      assertThat(kernel.fstatfs(fd, status)).isZero();
      return status;
    } finally {
      kernel.close(fd);
    }
  }

  private long allocatedBytes() {
    int fd = descriptor();
    try {
      FileStatus status = new FileStatus();
      assertThat(kernel.statx(fd, Names.empty(), AtFlags.EMPTY_PATH, FileStatus.MASK_ALL, status))
          .isNotNegative();
      return 512 * status.blocks();
    } finally {
      kernel.close(fd);
    }
  }

  /** What each attribute of the file has to be, but for what changes whenever others work. */
  private Map<Integer, byte[]> expected(Bitmap4 supported) throws IOException {
    Map<String, Object> stat = Files.readAttributes(path, "unix:*");
    BasicFileAttributes times = Files.readAttributes(path, BasicFileAttributes.class);
    Map<Integer, byte[]> all = new TreeMap<>();
    all.put(1, number(1));
    all.put(2, number(0));
    all.put(4, number(10_000L));
    all.put(5, number(1));
    all.put(6, number(1));
    all.put(7, number(0));
    all.put(9, number(1));
    all.put(10, number(90));
    all.put(11, number(0));
    all.put(13, number(supported.isSet(12) ? 3 : 0));
    all.put(15, number(1));
    all.put(16, number(0));
    all.put(17, number(1));
    all.put(18, number(1));
    all.put(19, xdr(o -> o.opaque(file)));
    all.put(20, number((long) stat.get("ino")));
    all.put(
        24,
        xdr(o -> {
          o.int32(1);
          o.opaque("data".getBytes(UTF_8));
          o.int32(0);
        }));
    all.put(26, number(1));
    all.put(28, number(65_000));
    all.put(29, number((int) fileSystem().nameMaxBytes()));
    all.put(30, number((long) MEBIBYTE));
    all.put(31, number((long) MEBIBYTE));
    all.put(33, number(0640));
    all.put(34, number(1));
    all.put(35, number((int) stat.get("nlink")));
    all.put(36, text(stat.get("uid").toString()));
    all.put(37, text(stat.get("gid").toString()));
    all.put(41, words(0, 0));
    all.put(45, number(allocatedBytes()));
    all.put(47, time(times.lastAccessTime()));
    all.put(50, time(times.creationTime()));
    all.put(51, words(0, 0, 1));
    all.put(52, time((FileTime) stat.get("ctime")));
    all.put(53, time(times.lastModifiedTime()));
    all.put(55, number((long) stat.get("ino")));
    all.put(62, words(1, LAYOUT4_RDMA));
    all.put(64, words(1, LAYOUT4_RDMA));
    all.put(65, number(4096));
    all.put(66, number(4096));
    all.put(
        75,
        supported.isSet(12)
            ? bits(Set.of(4, 12, 33, 36, 37, 63, 74, 81))
            : bits(Set.of(4, 33, 36, 37, 63, 74, 81)));
    all.put(76, number(1));
    all.put(77, number((int) fileSystem().fragmentSize()));
    all.put(78, number(allocatedBytes()));
    all.put(79, number(0));
    return all;
  }

  /** What is said of the space, where others may be at work. */
  private Map<Integer, byte[]> space() {
    FileSystemStatus now = fileSystem();
    Map<Integer, byte[]> all = new TreeMap<>();
    all.put(21, number(now.filesFree()));
    all.put(22, number(now.filesFree()));
    all.put(23, number(now.files()));
    all.put(42, number(now.blocksAvailable() * now.fragmentSize()));
    all.put(43, number(now.blocksFree() * now.fragmentSize()));
    all.put(44, number(now.blocks() * now.fragmentSize()));
    return all;
  }

  // ---------------------------------------------------------------- what is said

  private Bitmap4 supported() {
    return new Bitmap4().decode(new XdrReader(ByteBuffer.wrap(get(file, 0))));
  }

  /** The value of one attribute, its bytes. */
  private byte[] get(byte[] handle, int number) {
    Answer answer = new Calls42(client).on(handle, NfsOp4.OP_GETATTR, Bitmap4.of(number)::encode);
    assertThat(answer.status()).as("attribute %d", number).isEqualTo("NFS4_OK");
    assertThat(new Bitmap4().decode(answer.in())).isEqualTo(Bitmap4.of(number));
    return answer.in().opaque(1 << 16);
  }

  @Test
  void everyAttributeHasItsValue() throws IOException {
    Bitmap4 supported = supported();
    Map<Integer, byte[]> expected = expected(supported);
    expected.forEach((number, value) ->
        assertThat(get(file, number)).as("attribute %d", number).isEqualTo(value));
    for (int n = supported.next(0); n >= 0; n = supported.next(n + 1)) {
      assertThat(
              n == 0
                  || expected.containsKey(n)
                  || space().containsKey(n)
                  || ELSEWHERE.contains(n)
                  || WRITE_ONLY.contains(n))
          .as("attribute %d is in the table", n)
          .isTrue();
    }
  }

  @Test
  void whatIsThereIsSaid() throws IOException {
    Set<Integer> all = new TreeSet<>(expected(supported()).keySet());
    all.add(0);
    all.addAll(space().keySet());
    all.addAll(ELSEWHERE);
    all.addAll(WRITE_ONLY);
    Bitmap4 supported = supported();
    for (int number = 0; number < Bitmap4.CAPACITY; number++) {
      if (!DEPENDS.contains(number)) {
        assertThat(supported.isSet(number))
            .as("attribute %d", number)
            .isEqualTo(all.contains(number));
      }
    }
  }

  @Test
  void spaceIsThatOfTheFileSystem() {
    boolean stoodStill = false;
    while (!stoodStill) {
      Map<Integer, byte[]> before = space();
      Map<Integer, byte[]> said = new TreeMap<>();
      before.keySet().forEach(number -> said.put(number, get(file, number)));
      stoodStill = sameBytes(before, space());
      if (stoodStill) {
        before.forEach((number, value) ->
            assertThat(said.get(number)).as("attribute %d", number).isEqualTo(value));
      }
    }
  }

  private static boolean sameBytes(Map<Integer, byte[]> one, Map<Integer, byte[]> other) {
    return one.keySet().stream().allMatch(n -> Arrays.equals(one.get(n), other.get(n)));
  }

  @Test
  void whatHasSeveralNamesFreesNothing() throws IOException {
    Files.createLink(path.resolveSibling("again"), path);
    assertThat(get(file, 35)).isEqualTo(number(2));
    assertThat(get(file, 45)).isEqualTo(number(allocatedBytes()));
    assertThat(get(file, 78)).isEqualTo(number(0L));
  }

  @Test
  void typesAreToldApart() throws IOException {
    Files.createDirectory(path.resolveSibling("directory"));
    Files.createSymbolicLink(path.resolveSibling("link"), Path.of("file"));
    assertThat(get(client.handleOf("data"), 1)).isEqualTo(number(2));
    assertThat(get(client.handleOf("data", "directory"), 1)).isEqualTo(number(2));
    assertThat(get(client.handleOf("data", "link"), 1)).isEqualTo(number(5));
    assertThat(get(client.handleOf(), 1)).isEqualTo(number(2));
  }

  @Test
  void exportWithoutLayoutsHasNothingToSayOfThem() throws IOException {
    stop();
    start("layouts: false");
    assertThat(get(file, 62)).as("fs_layout_types").isEqualTo(number(0));
    Bitmap4 supported = supported();
    for (int number : OF_LAYOUTS) {
      assertThat(supported.isSet(number)).as("attribute %d", number).isFalse();
    }
    assertThat(supported.isSet(62)).isTrue();
    Bitmap4 exclusive = new Bitmap4().decode(new XdrReader(ByteBuffer.wrap(get(file, 75))));
    assertThat(exclusive.isSet(63)).as("a hint at a layout").isFalse();
  }

  // ---------------------------------------------------------------- other clients

  @Test
  void macosIsToldWhatItAsksForButWhatThereIsNot() {
    Bitmap4 asked = Bitmap4.of(MACOS);
    Bitmap4 told = without(asked, MACOS_IN_VAIN);
    for (byte[] handle : new byte[][] {file, client.handleOf("data"), client.handleOf()}) {
      Answer answer = client.on(handle, NfsOp4.OP_GETATTR, asked::encode);
      assertThat(answer.status()).isEqualTo("NFS4_OK");
      assertThat(new Bitmap4().decode(answer.in())).isEqualTo(told);
    }
    // A listing asks for rdattr_error and the filehandle too.
    asked.set(11).set(19);
    told.set(11).set(19);
    for (String[] directory : new String[][] {{}, {"data"}}) {
      Answer answer = client.readDir(client.handleOf(directory), 0, 0, 8192, asked);
      assertThat(answer.status()).isEqualTo("NFS4_OK");
      XdrReader in = answer.in();
      in.int64();
      assertThat(in.bool()).isTrue();
      in.int64();
      assertThat(new String(in.opaque(255), UTF_8))
          .isEqualTo(directory.length == 0 ? "data" : "file");
      assertThat(new Bitmap4().decode(in)).isEqualTo(told);
    }
  }

  private static Bitmap4 without(Bitmap4 all, Bitmap4 some) {
    Bitmap4 left = new Bitmap4().assign(all);
    for (int n = some.next(0); n >= 0; n = some.next(n + 1)) {
      left.unset(n);
    }
    return left;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void publicFilehandleIsTheRoots(int minorVersion) {
    Answer root =
        client.call(
            c -> c.minorVersion(minorVersion).op(NfsOp4.OP_PUTPUBFH).op(NfsOp4.OP_GETFH),
            NfsOp4.OP_PUTPUBFH,
            NfsOp4.OP_GETFH);
    assertThat(root.status()).isEqualTo("NFS4_OK");
    assertThat(root.in().opaque(Nfs4Const.NFS4_FHSIZE)).isEqualTo(client.handleOf());
    Answer found =
        client.call(
            c ->
                c.minorVersion(minorVersion)
                    .op(NfsOp4.OP_PUTPUBFH)
                    .op(NfsOp4.OP_LOOKUP, FileCalls.name("data"))
                    .op(NfsOp4.OP_LOOKUP, FileCalls.name("file"))
                    .op(NfsOp4.OP_GETFH),
            NfsOp4.OP_PUTPUBFH,
            NfsOp4.OP_LOOKUP,
            NfsOp4.OP_LOOKUP,
            NfsOp4.OP_GETFH);
    assertThat(found.status()).isEqualTo("NFS4_OK");
    assertThat(found.in().opaque(Nfs4Const.NFS4_FHSIZE)).isEqualTo(file);
  }
}
