package io.selkie.lease;

/**
 * Names an inode for the life of this process.
 *
 * @param device {@code stx_dev} as major in the upper, minor in the lower 32 bits
 * @param inode inode number
 * @param generation tells a reused inode number apart; 0 where the file system has none
 */
public record FileIdentity(long device, long inode, long generation) {

  /** {@code MAJOR:MINOR:INODE}, as administrators see and write it. */
  public String text() {
    return deviceText(device) + ":" + Long.toUnsignedString(inode);
  }

  /** {@code MAJOR:MINOR} of a device, as in {@link #device}. */
  public static String deviceText(long device) {
    return (device >>> 32) + ":" + (device & 0xFFFF_FFFFL);
  }
}
