package io.selkie.lease;

import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a server of SCSI layouts has to be able to tell a disk, in the words of whatever kind of
 * disk it is. Each call blocks until the disk has answered. Safe for use by several threads.
 */
interface ReservationCommands {

  /**
   * A reservation.
   *
   * @param holders keys of those who have it
   * @param type in the words of the disk
   */
  record Reservation(Set<Long> holders, int type) {}

  /**
   * The type by which {@link #reserve} reserves: nobody reaches the disk who has not registered.
   */
  int type();

  /** By what name clients find the disk; empty when it has none that they look for. */
  Optional<ScsiDesignator> designator() throws ScsiException;

  /** All keys; one that is registered on several ways is there as often. */
  List<Long> keys() throws ScsiException;

  /** The reservation that there is. */
  Optional<Reservation> reservation() throws ScsiException;

  /** Registers a key for this machine's way to the disk, whatever was registered there before. */
  void register(long key) throws ScsiException;

  /** Takes this machine's key away. */
  void unregister(long key) throws ScsiException;

  /** Makes this machine one that holds the reservation; nobody else may have one. */
  void reserve(long key) throws ScsiException;

  /**
   * Takes another key away, and the reservation over if that key holds it alone.
   *
   * @param abort whether what its owner has under way is ended, too
   */
  void preempt(long own, long other, boolean abort) throws ScsiException;
}
