package io.selkie.layout;

/**
 * Where a file stands with respect to its seal.
 *
 * <pre>
 *   UNSEALED --> SEALING --> SEALED --> RECALLING --> FENCING
 *      ^          |  |        |  |          |            |
 *      |<---------+  |        |  +----------|----------->|   (audit difference, close)
 *      |             |        v             v            v
 *      +-------------|--- UNSEALING <--------------------+
 *                    +------> RECALLING or FENCING, when the break came before the grant was ready
 * </pre>
 */
enum FileState {
  /** No seal, no handle. */
  UNSEALED,
  /** A worker prepares, seals and verifies for the first grant. */
  SEALING,
  /** The seal is held; layouts may be granted, returned and recalled in part. */
  SEALED,
  /** The seal must go; the holders were asked, nothing is granted. */
  RECALLING,
  /** The deadline passed or nobody may be waited for: handles are being invalidated. */
  FENCING,
  /** No handle lives; the kernel lease is being given up. */
  UNSEALING;

  boolean mayBecome(FileState next) {
    return switch (this) {
      case UNSEALED -> next == SEALING;
      case SEALING -> next == SEALED || next == UNSEALED || next == RECALLING || next == FENCING;
      case SEALED -> next == RECALLING || next == FENCING || next == UNSEALING;
      case RECALLING -> next == FENCING || next == UNSEALING;
      case FENCING -> next == UNSEALING;
      case UNSEALING -> next == UNSEALED;
    };
  }
}
