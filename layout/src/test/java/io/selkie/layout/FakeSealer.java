package io.selkie.layout;

import io.selkie.config.time.NanoClock;
import io.selkie.lease.BlockMap;
import io.selkie.lease.BlockMap.Extent;
import io.selkie.lease.ByteRange;
import io.selkie.lease.FileIdentity;
import io.selkie.lease.Seal;
import io.selkie.lease.SealMode;
import io.selkie.lease.SealState;
import io.selkie.lease.SealTarget;
import io.selkie.lease.Sealer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;

/** A sealer over files that are lists of extents; holds S1 as strictly as the real one. */
final class FakeSealer implements Sealer {

  /** A file: extents by their logical offset. */
  static final class File implements SealTarget {
    final FileIdentity identity;
    final TreeMap<Long, Extent> extents = new TreeMap<>();
    long size;
    boolean writable = true;
    boolean exact;
    int retained;
    int flushResult;
    final List<ByteRange> flushed = new ArrayList<>();

    File(long inode) {
      identity = new FileIdentity(7, inode, 0);
    }

    /** Data in a range, wherever its blocks are. */
    File data(long offset, long length) {
      extents.put(offset, new Extent(offset, (1L << 40) + offset, length, 0));
      size = Math.max(size, offset + length);
      return this;
    }

    File unwritten(long offset, long length) {
      extents.put(offset, new Extent(offset, (1L << 40) + offset, length, 0x800));
      size = Math.max(size, offset + length);
      return this;
    }

    File shared(long offset, long length) {
      extents.put(offset, new Extent(offset, (1L << 40) + offset, length, 0x2000));
      size = Math.max(size, offset + length);
      return this;
    }

    File size(long bytes) {
      size = bytes;
      return this;
    }

    @Override
    public FileIdentity identity() {
      return identity;
    }

    @Override
    public int fd() {
      return 3;
    }

    @Override
    public boolean writable() {
      return writable;
    }

    @Override
    public String describe() {
      return "/file" + identity.inode();
    }

    @Override
    public void retain() {
      retained++;
    }

    @Override
    public void release() {
      retained--;
    }
  }

  private final NanoClock clock;
  final Map<File, FakeSeal> held = new HashMap<>();
  final List<String> calls = new ArrayList<>();
  Refusal refusal;

  /** Runs in the middle of a seal or extend call, as other threads would. */
  Runnable meanwhile = () -> {};

  FakeSealer(NanoClock clock) {
    this.clock = clock;
  }

  @Override
  public SealOutcome seal(
      SealTarget target,
      Purpose purpose,
      ByteRange range,
      Preparation preparation,
      SealListener listener) {
    File file = (File) target;
    calls.add("seal " + purpose + " " + range.offset() + "+" + range.length());
    if (held.containsKey(file)) {
      throw new IllegalStateException("sealed twice: " + file.describe());
    }
    if (refusal != null) {
      run();
      return new SealOutcome.Refused(refusal);
    }
    if (range.offset() >= file.size) {
      run();
      return new SealOutcome.Refused(new Refusal(Refusal.Reason.PAST_END, "past the end"));
    }
    FakeSeal seal = new FakeSeal(file, listener);
    held.put(file, seal);
    BlockMap map = map(file, purpose, range, preparation);
    run();
    return new SealOutcome.Sealed(seal, map);
  }

  @Override
  public boolean mayBeExact(SealTarget target) {
    return ((File) target).exact;
  }

  @Override
  public LeaseOutcome hold(SealTarget target, SealListener listener) {
    File file = (File) target;
    calls.add("hold " + file.describe());
    if (held.containsKey(file)) {
      throw new IllegalStateException("sealed twice: " + file.describe());
    }
    if (refusal != null) {
      run();
      return new LeaseOutcome.Refused(refusal);
    }
    FakeSeal seal = new FakeSeal(file, listener);
    held.put(file, seal);
    run();
    return new LeaseOutcome.Leased(seal);
  }

  @Override
  public SealOutcome extend(Seal seal, Purpose purpose, ByteRange range, Preparation preparation) {
    FakeSeal fake = (FakeSeal) seal;
    calls.add("extend " + purpose + " " + range.offset() + "+" + range.length());
    if (refusal != null) {
      run();
      return new SealOutcome.Refused(refusal);
    }
    if (range.offset() >= fake.file.size) {
      run();
      return new SealOutcome.Refused(new Refusal(Refusal.Reason.PAST_END, "past the end"));
    }
    BlockMap map = map(fake.file, purpose, range, preparation);
    run();
    return new SealOutcome.Sealed(seal, map);
  }

  private void run() {
    Runnable task = meanwhile;
    meanwhile = () -> {};
    task.run();
  }

  /** A read-write grant ends with the window, or with the data that begins before it ends. */
  private static BlockMap map(
      File file, Purpose purpose, ByteRange range, Preparation preparation) {
    long bound =
        purpose == Purpose.READ || preparation.windowBytes() > range.length()
            ? range.end()
            : range.offset() + preparation.windowBytes();
    for (Extent extent : file.extents.values()) {
      if (extent.logical() <= bound && extent.end() > bound) {
        bound = Math.min(extent.end(), range.end());
      }
    }
    long end = Math.min(bound, file.size);
    if (purpose == Purpose.READ_WRITE) {
      file.extents.values().removeIf(e -> e.logical() < end && e.end() > range.offset());
      file.data(range.offset(), end - range.offset());
    }
    List<Extent> inside = new ArrayList<>();
    for (Extent extent : file.extents.values()) {
      long from = Math.max(extent.logical(), range.offset());
      long to = Math.min(extent.end(), end);
      if (from < to) {
        inside.add(
            new Extent(
                from, extent.physical() + from - extent.logical(), to - from, extent.flags()));
      }
    }
    return new BlockMap(7, new ByteRange(range.offset(), end - range.offset()), inside);
  }

  /** A seal that refuses what S1 forbids. */
  final class FakeSeal implements Seal {
    final File file;
    private final SealListener listener;
    private final List<BlockMap> granted = new ArrayList<>();
    private SealState state = SealState.HELD;

    /** How often it was told that its map may be another. */
    int forgotten;

    FakeSeal(File file, SealListener listener) {
      this.file = file;
      this.listener = listener;
    }

    void breaks(BreakCause cause, long atNanos, long deadlineNanos) {
      state = SealState.BREAKING;
      listener.onBreak(this, cause, atNanos, deadlineNanos);
    }

    @Override
    public SealTarget target() {
      return file;
    }

    @Override
    public SealMode mode() {
      return file.writable ? SealMode.EXCLUSIVE : SealMode.SHARED;
    }

    @Override
    public SealState state() {
      return state;
    }

    @Override
    public OptionalLong deadlineNanos() {
      return OptionalLong.empty();
    }

    @Override
    public boolean exact() {
      return file.exact;
    }

    @Override
    @SuppressWarnings("restricted")
    public MemorySegment mapping() {
      return MemorySegment.ofAddress(1L << 44).reinterpret(file.size);
    }

    @Override
    public boolean addHandle(BlockMap map) {
      if (state != SealState.HELD) {
        return false;
      }
      granted.add(map);
      return true;
    }

    @Override
    public void removeHandle(BlockMap map) {
      if (!granted.remove(map)) {
        throw new IllegalStateException("S1: no such handle");
      }
    }

    @Override
    public void forgetMap() {
      forgotten++;
    }

    @Override
    public int liveHandles() {
      return granted.size();
    }

    @Override
    public long sizeBytes() {
      return file.size;
    }

    @Override
    public int flush(ByteRange range) {
      file.flushed.add(range);
      run();
      return file.flushResult;
    }

    @Override
    public long release() {
      if (!granted.isEmpty()) {
        throw new IllegalStateException("S1: released with " + granted.size() + " handles");
      }
      state = SealState.RELEASED;
      held.remove(file);
      return clock.nanoTime();
    }
  }
}
