package io.selkie.client.fake;

import io.selkie.client.FileHandle;
import io.selkie.protocol.nfs4.Stateid4;
import io.selkie.rdma.MemoryRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/** A file or directory in memory. Guarded by the server's lock, but for the bytes. */
public final class FakeFile {
  private static final long CAPACITY = 16 << 20;

  final long id;
  final FileHandle handle;
  final TreeMap<String, FakeFile> children;
  final MemorySegment memory;
  long size;
  long change = 1;
  int mode = 0644;

  /** Whether there are no holes any more. */
  boolean isFilled;

  /** Layout stateid, null when nothing is granted. */
  Stateid4 layoutStateid;

  /** Whether the stateid was revoked and not freed yet. */
  boolean isRevoked;

  final List<MemoryRegion> regions = new ArrayList<>();

  FakeFile(long id, boolean isDirectory) {
    this.id = id;
    byte[] bytes = new byte[16];
    for (int i = 0; i < 8; i++) {
      bytes[8 + i] = (byte) (id >>> (56 - 8 * i));
    }
    handle = new FileHandle(bytes);
    children = isDirectory ? new TreeMap<>() : null;
    memory = isDirectory ? MemorySegment.NULL : Arena.ofAuto().allocate(CAPACITY, 4096);
  }

  boolean isDirectory() {
    return children != null;
  }

  /** The bytes now. */
  public byte[] content() {
    return memory.asSlice(0, size).toArray(ValueLayout.JAVA_BYTE);
  }

  /** The size now. */
  public long size() {
    return size;
  }

  /** Whether a layout is granted. */
  public boolean hasLayout() {
    return layoutStateid != null && !isRevoked;
  }

  /** Whether a revoked layout waits for FREE_STATEID. */
  public boolean isRevoked() {
    return isRevoked;
  }

  /** The file handle. */
  public FileHandle handle() {
    return handle;
  }
}
