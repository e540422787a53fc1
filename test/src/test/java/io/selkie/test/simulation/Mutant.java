package io.selkie.test.simulation;

/** Ways to be wrong, each of which the checker must catch: a checker that cannot fail is none. */
enum Mutant {
  /** The code as it is. */
  NONE,
  /** An invalidation is said to be complete while accesses are in flight. */
  INVALIDATION_COMPLETES_TOO_EARLY,
  /** Handles are said to be dead without being taken back. */
  HANDLES_ARE_NOT_TAKEN_BACK,
  /** Breaks are not seen. */
  BREAKS_ARE_NOT_SEEN,
  /** A break between lease and verification is not looked for again. */
  BREAKS_WHILE_SEALING_ARE_NOT_SEEN,
  /** The kernel lease is given up as soon as the seal is made. */
  LEASE_IS_NOT_KEPT,
  /** Deadlines never come. */
  DEADLINES_NEVER_COME,
  /** Slow peers are never broken off. */
  SLOW_PEERS_ARE_NEVER_BROKEN_OFF,
  /** Changes through the server are permitted without asking. */
  CHANGES_ARE_NOT_ASKED_FOR,
  /** Writes through the server are permitted without asking. */
  WRITES_ARE_NOT_ASKED_FOR,
  /** Holes in the block map are taken for data. */
  HOLES_ARE_TAKEN_FOR_DATA,
  /** The block map is changed under a seal that forbids it. */
  MAP_CHANGES_UNDER_THE_SEAL,
  /** The description of a file is retained once too often. */
  DESCRIPTIONS_LEAK,
  /** Delegations are given without a look at who has the file open. */
  OPENS_ARE_NOT_ASKED_FOR,
  /** CB_RECALL is never sent. */
  DELEGATIONS_ARE_NOT_RECALLED,
  /** Changes through the server never end. */
  PERMITS_ARE_NEVER_CLOSED
}
