package io.selkie.layout;

import io.selkie.lease.BlockMap;
import io.selkie.lease.ByteRange;
import io.selkie.lease.Seal;
import io.selkie.lease.SealTarget;
import io.selkie.protocol.nfs4.DeviceId4;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * A layout type as the arbiter sees it: a small table of operations, nothing about recall,
 * conflicts or stateids. Safe for use by several threads; nothing blocks longer than a registration
 * takes.
 */
public interface LayoutType {

  /** layouttype4. */
  int number();

  /**
   * da_addr_body of GETDEVICEINFO; empty for a device id that is not of this boot and type, or not
   * that client's.
   */
  Optional<ByteBuffer> deviceAddress(DeviceId4 deviceId, long clientId, String arrivedAtHost);

  /**
   * Cuts a verified block map into parts: contiguous from the map's start, as far as the type can
   * grant; empty when it can grant nothing there.
   *
   * @param exact {@link Seal#exact()}
   * @param extentsMax most extents wanted
   */
  List<PlannedPart> plan(BlockMap map, boolean exact, int ioMode, int extentsMax);

  /** How many extents a client is told of for such parts. */
  default int extents(List<PlannedPart> plan) {
    return plan.size();
  }

  /** Most extents of one grant. */
  default int extentsMax() {
    return EXTENTS_MAX;
  }

  /** What a type has that does not say otherwise. */
  int EXTENTS_MAX = 4096;

  /** Size of the loc_body for so many extents. */
  int bodyBytes(int extents);

  /**
   * Makes a part reachable for one client; works when this returns. The seal is held and the handle
   * already counted on it.
   *
   * @throws LayoutTypeException when it cannot be; nothing is left behind
   */
  LayoutHandle open(long clientId, Seal seal, PlannedPart part, int ioMode)
      throws LayoutTypeException;

  /**
   * loc_body.
   *
   * @param handles one for each part, null for a hole
   */
  ByteBuffer encode(List<PlannedPart> parts, List<LayoutHandle> handles, int ioMode);

  /**
   * Checks lou_body of LAYOUTCOMMIT.
   *
   * @param held the ranges of the client's read-write layouts that the commit covers
   * @return an NFS status
   */
  int checkUpdate(ByteBuffer body, List<ByteRange> held);

  /**
   * What of a file is to be sealed.
   *
   * @return 0: the bytes up to its end; else whole blocks of so many bytes, which for writing may
   *     lie past its end
   */
  default int blockBytes() {
    return 0;
  }

  /** What its handles name. */
  default Seal.Names names() {
    return Seal.Names.MAPPING;
  }

  /**
   * Why nothing of a file can be granted, for people; empty when it can. Asked before anything is
   * prepared, and again of the seal.
   *
   * @param exact {@link Seal#exact()}
   */
  default Optional<String> unsuitable(SealTarget target, boolean exact) {
    return Optional.empty();
  }

  /**
   * Does beforehand what {@link #settle} would do at length under the seal. Called before a file is
   * sealed; may block as a write to disk does. Nothing depends on it.
   */
  default void settleSoon(SealTarget target) {}

  /**
   * Makes bytes of a sealed file what clients will find there, where they do not reach the mapping.
   * Called before any handle of a grant is opened; may block as a write to disk does. Who reads or
   * writes the file through the server meanwhile is known to the arbiter.
   *
   * @return why they are not, for people: to be tried again later; empty when they are
   */
  default Optional<String> settle(Seal seal, ByteRange range, int ioMode) {
    return Optional.empty();
  }

  /**
   * LAYOUTCOMMIT of an update that was found good. What clients wrote through the mapping only
   * needs to be flushed, which is done otherwise.
   *
   * @param held as in {@link #checkUpdate}
   * @param endBytes how far the client has written; 0 when it does not say
   * @param cancelled asked often: once it says yes, the rest is left undone
   * @return {@code -errno}, 0 when it is done and durable, 1 when the mapping is to be flushed
   */
  default int commit(
      Seal seal, ByteBuffer body, List<ByteRange> held, long endBytes, BooleanSupplier cancelled) {
    return FLUSH_MAPPING;
  }

  /** Answer to {@link #commit}. */
  int FLUSH_MAPPING = 1;

  /** Checks lrf_body of LAYOUTRETURN; an NFS status. */
  int checkReturn(ByteBuffer body);

  /** Whether {@link #clientGone} was called for it: nothing may be granted to it any more. */
  boolean isGone(long clientId);

  /** Breaks everything this client has open here at once; what it had comes to its end. */
  void clientGone(long clientId);

  /**
   * A part of a layout to be.
   *
   * @param range the file bytes
   * @param blocks the block map of the range; null for a hole, which gets no handle
   */
  record PlannedPart(ByteRange range, BlockMap blocks) {
    /** Whether the client is told that there is nothing. */
    public boolean isHole() {
      return blocks == null;
    }
  }

  /** A part could not be made reachable. */
  final class LayoutTypeException extends Exception {
    private static final long serialVersionUID = 1L;

    /** What was tried, on what. */
    public LayoutTypeException(String message, Throwable cause) {
      super(message, cause);
    }
  }
}
