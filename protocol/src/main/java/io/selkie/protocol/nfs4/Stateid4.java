package io.selkie.protocol.nfs4;

/**
 * stateid4, RFC 8881 section 3.3.12: a seqid and 12 bytes of {@code other}, here as a long (the
 * first 8 bytes, big-endian) and an int (the last 4), so that it compares and hashes cheaply.
 */
public record Stateid4(int seqid, long otherHigh, int otherLow) {
  /** The same {@code other} with another seqid. */
  public Stateid4 withSeqid(int newSeqid) {
    return new Stateid4(newSeqid, otherHigh, otherLow);
  }

  /** Whether both name the same state, whatever the seqid. */
  public boolean sameOther(Stateid4 that) {
    return otherHigh == that.otherHigh && otherLow == that.otherLow;
  }
}
