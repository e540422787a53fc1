package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * What {@code statx(2)} tells of a file, in the kernel's own form. Mutable, to be reused; not for
 * several threads. The setters are for kernels that are none; each sets the matching bit of no
 * mask.
 *
 * <p>The kernel keeps its change counter ({@code STATX_CHANGE_COOKIE}) to itself: no bit of the
 * public interface carries it. From Linux 6.13 on {@code ctime} is fine-grained once somebody has
 * looked at it, so it serves as a change attribute; before, it moves with the timer tick.
 *
 * <pre>
 * 0      4         8            16      20    24    28     30
 * | mask | blksize | attributes | nlink | uid | gid | mode | 0 |
 * 32    40     48       56                64      80      96      112     128
 * | ino | size | blocks | attributes mask | atime | btime | ctime | mtime |  each sec 8, nsec 4
 * 128          132          136         140         144      152
 * | rdev major | rdev minor | dev major | dev minor | mnt id | later additions, to 256
 * </pre>
 */
public final class FileStatus {
  /** Everything of the classic {@code stat}. */
  public static final int MASK_BASIC = 0x7ff;

  /** Creation time. */
  public static final int MASK_BTIME = 0x800;

  /** Mount id. */
  public static final int MASK_MOUNT_ID = 0x1000;

  /** All that this class reads. */
  public static final int MASK_ALL = MASK_BASIC | MASK_BTIME | MASK_MOUNT_ID;

  /** {@code STATX_ATTR_IMMUTABLE}. */
  public static final long ATTRIBUTE_IMMUTABLE = 0x10;

  /** {@code STATX_ATTR_APPEND}. */
  public static final long ATTRIBUTE_APPEND = 0x20;

  /** {@code STATX_ATTR_ENCRYPTED}. */
  public static final long ATTRIBUTE_ENCRYPTED = 0x800;

  /** {@code STATX_ATTR_MOUNT_ROOT}. */
  public static final long ATTRIBUTE_MOUNT_ROOT = 0x2000;

  /** {@code STATX_ATTR_DAX}: the file is in DAX state, its page cache is the storage. */
  public static final long ATTRIBUTE_DAX = 0x200000;

  /** Nanoseconds that mean "now" in {@link Kernel#utimens}. */
  public static final long UTIME_NOW = (1L << 30) - 1;

  /** Nanoseconds that mean "leave it" in {@link Kernel#utimens}. */
  public static final long UTIME_OMIT = (1L << 30) - 2;

  /** {@code S_IFMT}: the type's bits in {@link #mode}. */
  public static final int TYPE_MASK = 0170000;

  /** {@code S_IFSOCK}. */
  public static final int TYPE_SOCKET = 0140000;

  /** {@code S_IFLNK}. */
  public static final int TYPE_SYMBOLIC_LINK = 0120000;

  /** {@code S_IFREG}. */
  public static final int TYPE_REGULAR = 0100000;

  /** {@code S_IFBLK}. */
  public static final int TYPE_BLOCK_DEVICE = 0060000;

  /** {@code S_IFDIR}. */
  public static final int TYPE_DIRECTORY = 0040000;

  /** {@code S_IFCHR}. */
  public static final int TYPE_CHARACTER_DEVICE = 0020000;

  /** {@code S_IFIFO}. */
  public static final int TYPE_FIFO = 0010000;

  /** {@code S_ISUID}. */
  private static final int SET_USER_ID = 04000;

  /** {@code S_ISGID}. */
  private static final int SET_GROUP_ID = 02000;

  /** Size of {@code struct statx}. */
  static final int BYTES = 256;

  private final byte[] bytes = new byte[BYTES];
  private final MemorySegment raw = MemorySegment.ofArray(bytes);

  /** The type's bits of {@link #mode}. */
  public int type() {
    return mode() & TYPE_MASK;
  }

  /** Permission bits with set-uid, set-gid and sticky, 07777. */
  public int permissions() {
    return mode() & 07777;
  }

  /** Whether a write by somebody without privileges takes away set-user-id or set-group-id. */
  public boolean losesBitsWhenWritten() {
    return losesBitsWhenWritten(mode());
  }

  /** The same of a mode that a file is to have. */
  public static boolean losesBitsWhenWritten(int mode) {
    int groupProgram = SET_GROUP_ID | 0010;
    return (mode & SET_USER_ID) != 0 || (mode & groupProgram) == groupProgram;
  }

  /** Whether it is a regular file. */
  public boolean isRegular() {
    return type() == TYPE_REGULAR;
  }

  /** Whether it is a directory. */
  public boolean isDirectory() {
    return type() == TYPE_DIRECTORY;
  }

  /** Whether it is a symbolic link. */
  public boolean isSymbolicLink() {
    return type() == TYPE_SYMBOLIC_LINK;
  }

  /** Device of the file system: major in the upper, minor in the lower 32 bits. */
  public long device() {
    return (long) devMajor() << 32 | Integer.toUnsignedLong(devMinor());
  }

  /** Whether the file is in DAX state, as far as the file system says. */
  public boolean isDax() {
    return (attributes() & attributesMask() & ATTRIBUTE_DAX) != 0;
  }

  /** Whether the root of a mount. */
  public boolean isMountRoot() {
    return (attributes() & attributesMask() & ATTRIBUTE_MOUNT_ROOT) != 0;
  }

  /** Whether there is a creation time. */
  public boolean hasBirthTime() {
    return (mask() & MASK_BTIME) != 0;
  }

  /** Whether there is a mount id. */
  public boolean hasMountId() {
    return (mask() & MASK_MOUNT_ID) != 0;
  }

  /** Takes over everything of another. */
  public void copyFrom(FileStatus other) {
    System.arraycopy(other.bytes, 0, bytes, 0, BYTES);
  }

  /** Sets every field to 0. */
  public void clear() {
    raw.fill((byte) 0);
  }

  /** Preferred size of I/O, bytes. */
  public int blockSize() {
    return raw.get(JAVA_INT_UNALIGNED, 4);
  }

  /** Sets {@link #blockSize()}. */
  public FileStatus blockSize(int value) {
    raw.set(JAVA_INT_UNALIGNED, 4, value);
    return this;
  }

  /** {@code STATX_ATTR_*} bits; those outside {@link #attributesMask} say nothing. */
  public long attributes() {
    return raw.get(JAVA_LONG_UNALIGNED, 8);
  }

  /** Sets {@link #attributes()}. */
  public FileStatus attributes(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 8, value);
    return this;
  }

  /** Names of the inode. */
  public int linkCount() {
    return raw.get(JAVA_INT_UNALIGNED, 16);
  }

  /** Sets {@link #linkCount()}. */
  public FileStatus linkCount(int value) {
    raw.set(JAVA_INT_UNALIGNED, 16, value);
    return this;
  }

  /** Owner. */
  public int uid() {
    return raw.get(JAVA_INT_UNALIGNED, 20);
  }

  /** Sets {@link #uid()}. */
  public FileStatus uid(int value) {
    raw.set(JAVA_INT_UNALIGNED, 20, value);
    return this;
  }

  /** Group. */
  public int gid() {
    return raw.get(JAVA_INT_UNALIGNED, 24);
  }

  /** Sets {@link #gid()}. */
  public FileStatus gid(int value) {
    raw.set(JAVA_INT_UNALIGNED, 24, value);
    return this;
  }

  /** Type and permission bits, {@code S_IF*} and 07777. */
  public int mode() {
    return Short.toUnsignedInt(raw.get(JAVA_SHORT_UNALIGNED, 28));
  }

  /** Sets {@link #mode()}. */
  public FileStatus mode(int value) {
    raw.set(JAVA_SHORT_UNALIGNED, 28, (short) value);
    return this;
  }

  /** Inode number. */
  public long inode() {
    return raw.get(JAVA_LONG_UNALIGNED, 32);
  }

  /** Sets {@link #inode()}. */
  public FileStatus inode(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 32, value);
    return this;
  }

  /** Length, bytes. */
  public long size() {
    return raw.get(JAVA_LONG_UNALIGNED, 40);
  }

  /** Sets {@link #size()}. */
  public FileStatus size(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 40, value);
    return this;
  }

  /** Allocated blocks of 512 bytes. */
  public long blocks() {
    return raw.get(JAVA_LONG_UNALIGNED, 48);
  }

  /** Sets {@link #blocks()}. */
  public FileStatus blocks(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 48, value);
    return this;
  }

  /** Which of {@link #attributes} the file system knows. */
  public long attributesMask() {
    return raw.get(JAVA_LONG_UNALIGNED, 56);
  }

  /** Sets {@link #attributesMask()}. */
  public FileStatus attributesMask(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 56, value);
    return this;
  }

  /** Last access, seconds since the epoch. */
  public long atimeSec() {
    return raw.get(JAVA_LONG_UNALIGNED, 64);
  }

  /** Sets {@link #atimeSec()}. */
  public FileStatus atimeSec(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 64, value);
    return this;
  }

  /** Nanoseconds of it. */
  public int atimeNsec() {
    return raw.get(JAVA_INT_UNALIGNED, 72);
  }

  /** Sets {@link #atimeNsec()}. */
  public FileStatus atimeNsec(int value) {
    raw.set(JAVA_INT_UNALIGNED, 72, value);
    return this;
  }

  /** Creation, seconds since the epoch; valid with {@link #hasBirthTime}. */
  public long btimeSec() {
    return raw.get(JAVA_LONG_UNALIGNED, 80);
  }

  /** Sets {@link #btimeSec()}. */
  public FileStatus btimeSec(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 80, value);
    return this;
  }

  /** Nanoseconds of it. */
  public int btimeNsec() {
    return raw.get(JAVA_INT_UNALIGNED, 88);
  }

  /** Sets {@link #btimeNsec()}. */
  public FileStatus btimeNsec(int value) {
    raw.set(JAVA_INT_UNALIGNED, 88, value);
    return this;
  }

  /** Last change of the inode, seconds since the epoch. */
  public long ctimeSec() {
    return raw.get(JAVA_LONG_UNALIGNED, 96);
  }

  /** Sets {@link #ctimeSec()}. */
  public FileStatus ctimeSec(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 96, value);
    return this;
  }

  /** Nanoseconds of it. */
  public int ctimeNsec() {
    return raw.get(JAVA_INT_UNALIGNED, 104);
  }

  /** Sets {@link #ctimeNsec()}. */
  public FileStatus ctimeNsec(int value) {
    raw.set(JAVA_INT_UNALIGNED, 104, value);
    return this;
  }

  /** Last change of the data, seconds since the epoch. */
  public long mtimeSec() {
    return raw.get(JAVA_LONG_UNALIGNED, 112);
  }

  /** Sets {@link #mtimeSec()}. */
  public FileStatus mtimeSec(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 112, value);
    return this;
  }

  /** Nanoseconds of it. */
  public int mtimeNsec() {
    return raw.get(JAVA_INT_UNALIGNED, 120);
  }

  /** Sets {@link #mtimeNsec()}. */
  public FileStatus mtimeNsec(int value) {
    raw.set(JAVA_INT_UNALIGNED, 120, value);
    return this;
  }

  /** Of a device file: its major number. */
  public int rdevMajor() {
    return raw.get(JAVA_INT_UNALIGNED, 128);
  }

  /** Sets {@link #rdevMajor()}. */
  public FileStatus rdevMajor(int value) {
    raw.set(JAVA_INT_UNALIGNED, 128, value);
    return this;
  }

  /** Of a device file: its minor number. */
  public int rdevMinor() {
    return raw.get(JAVA_INT_UNALIGNED, 132);
  }

  /** Sets {@link #rdevMinor()}. */
  public FileStatus rdevMinor(int value) {
    raw.set(JAVA_INT_UNALIGNED, 132, value);
    return this;
  }

  /** Device of the file system, major number. */
  public int devMajor() {
    return raw.get(JAVA_INT_UNALIGNED, 136);
  }

  /** Sets {@link #devMajor()}. */
  public FileStatus devMajor(int value) {
    raw.set(JAVA_INT_UNALIGNED, 136, value);
    return this;
  }

  /** Device of the file system, minor number. */
  public int devMinor() {
    return raw.get(JAVA_INT_UNALIGNED, 140);
  }

  /** Sets {@link #devMinor()}. */
  public FileStatus devMinor(int value) {
    raw.set(JAVA_INT_UNALIGNED, 140, value);
    return this;
  }

  /** Mount it was reached through; valid with {@link #hasMountId}. */
  public long mountId() {
    return raw.get(JAVA_LONG_UNALIGNED, 144);
  }

  /** Sets {@link #mountId()}. */
  public FileStatus mountId(long value) {
    raw.set(JAVA_LONG_UNALIGNED, 144, value);
    return this;
  }

  /** Which fields the kernel filled, {@code STATX_*}. */
  public int mask() {
    return raw.get(JAVA_INT_UNALIGNED, 0);
  }

  /** Sets {@link #mask()}. */
  public FileStatus mask(int value) {
    raw.set(JAVA_INT_UNALIGNED, 0, value);
    return this;
  }

  void copyFrom(MemorySegment source) {
    MemorySegment.copy(source, 0, raw, 0, BYTES);
  }
}
