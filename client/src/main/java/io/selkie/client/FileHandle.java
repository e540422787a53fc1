package io.selkie.client;

import io.selkie.protocol.nfs4.Nfs4Const;
import java.util.Arrays;
import java.util.HexFormat;

/** nfs_fh4, opaque to a client; immutable, with its hash computed once. */
public final class FileHandle {
  private final byte[] bytes;
  private final int hash;

  /**
   * Takes the bytes of a handle.
   *
   * @param bytes at most 128; not copied, so the caller gives them away
   */
  public FileHandle(byte[] bytes) {
    if (bytes.length > Nfs4Const.NFS4_FHSIZE) {
      throw new IllegalArgumentException("file handle of " + bytes.length + " bytes");
    }
    this.bytes = bytes;
    this.hash = Arrays.hashCode(bytes);
  }

  /** The bytes themselves, for encoders; not to be changed. */
  @SuppressWarnings("EI_EXPOSE_REP")
  public byte[] bytes() {
    return bytes;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FileHandle that
        && hash == that.hash
        && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  @Override
  public String toString() {
    return HexFormat.of().formatHex(bytes);
  }
}
