package io.selkie.lease;

import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * The block device that a file system lies on, wholly and from its first byte: a place in a block
 * map is a place on it.
 *
 * @param device {@code stx_dev} of the file system's files, as in {@link FileIdentity#device}
 * @param path of the device, for people
 * @param fileSystem what it is, for people
 * @param fd of the device, for reading past its page cache; belongs to {@link BlockVolumes}
 * @param signatureOffset where on the device the bytes are that tell it from all others
 * @param signature these: the file system's own name, so that a copy of the device has it too
 */
public record BlockVolume(
    long device, Path path, String fileSystem, int fd, long signatureOffset, ByteBuffer signature) {

  /** Reads and places are multiples of this. */
  public static final int BLOCK_BYTES = 4096;

  @Override
  public ByteBuffer signature() {
    return signature.duplicate();
  }
}
