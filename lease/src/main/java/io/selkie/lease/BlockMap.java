package io.selkie.lease;

import java.util.List;

/**
 * A part of a file's block map as FIEMAP tells it, clipped to {@link #range()}; what no extent
 * covers is a hole.
 *
 * @param device the device the physical offsets are on ({@code stx_dev}, packed as in {@link
 *     FileIdentity#device})
 * @param range what was asked
 * @param extents sorted by logical offset, disjoint, inside the range
 */
public record BlockMap(long device, ByteRange range, List<Extent> extents) {

  /** Copies the list. */
  public BlockMap {
    extents = List.copyOf(extents);
  }

  /**
   * One extent.
   *
   * @param logical file offset in bytes
   * @param physical offset on the device in bytes; meaningless when the flags say so
   * @param length bytes
   * @param flags every FIEMAP flag as the kernel gave it
   */
  public record Extent(long logical, long physical, long length, int flags) {
    /** First file byte after the extent. */
    public long end() {
      return logical + length;
    }
  }
}
