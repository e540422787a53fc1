package io.selkie.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Native memory of one thread for paths and structures, so that calls allocate nothing. */
final class Scratch {
  /** Longest link target or structure, bytes. */
  static final int AREA_BYTES = Names.PATH_MAX_BYTES + 1;

  private final MemorySegment first;
  private final MemorySegment second;
  private final MemorySegment area;

  Scratch() {
    MemorySegment all = Arena.ofAuto().allocate(3L * AREA_BYTES, 64);
    first = all.asSlice(0, AREA_BYTES);
    second = all.asSlice(AREA_BYTES, AREA_BYTES);
    area = all.asSlice(2L * AREA_BYTES, AREA_BYTES);
  }

  /** Whether a path can be passed; what is wrong otherwise, as {@code -errno}. */
  static int check(byte[] path) {
    if (path.length > Names.PATH_MAX_BYTES) {
      return Errno.ENAMETOOLONG.result();
    }
    for (byte b : path) {
      if (b == 0) {
        return Errno.EINVAL.result();
      }
    }
    return 0;
  }

  /** Stores a checked path, with its zero byte, and answers its address. */
  long path(byte[] path) {
    return store(first, path);
  }

  /** The same in a second place. */
  long secondPath(byte[] path) {
    return store(second, path);
  }

  /** Memory for structures and results. */
  MemorySegment area() {
    return area;
  }

  private static long store(MemorySegment place, byte[] path) {
    MemorySegment.copy(path, 0, place, JAVA_BYTE, 0, path.length);
    place.set(JAVA_BYTE, path.length, (byte) 0);
    return place.address();
  }
}
