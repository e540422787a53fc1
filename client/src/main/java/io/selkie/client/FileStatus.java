package io.selkie.client;

import java.time.Instant;

/**
 * Attributes of a file or directory. What the server did not send is null, or -1 for numbers.
 *
 * @param type what it is
 * @param sizeBytes size in bytes
 * @param fileId unique within the file system
 * @param mode permission bits, 0 to 07777
 * @param links number of names
 * @param owner as the server names it, {@code user@domain} or a number
 * @param group likewise
 * @param modified last change of the data
 * @param change the change attribute: another value means that something changed
 */
public record FileStatus(
    Type type,
    long sizeBytes,
    long fileId,
    int mode,
    int links,
    String owner,
    String group,
    Instant modified,
    long change) {

  /** nfs_ftype4. */
  public enum Type {
    /** A regular file. */
    FILE('-'),
    /** A directory. */
    DIRECTORY('d'),
    /** A block device. */
    BLOCK_DEVICE('b'),
    /** A character device. */
    CHARACTER_DEVICE('c'),
    /** A symbolic link. */
    SYMBOLIC_LINK('l'),
    /** A socket. */
    SOCKET('s'),
    /** A named pipe. */
    FIFO('p'),
    /** Something else, such as an attribute directory. */
    OTHER('?');

    private final char letter;

    Type(char letter) {
      this.letter = letter;
    }

    /** The letter that ls shows. */
    public char letter() {
      return letter;
    }

    /** From nfs_ftype4. */
    public static Type of(int nfsFileType) {
      return switch (nfsFileType) {
        case 1 -> FILE;
        case 2 -> DIRECTORY;
        case 3 -> BLOCK_DEVICE;
        case 4 -> CHARACTER_DEVICE;
        case 5 -> SYMBOLIC_LINK;
        case 6 -> SOCKET;
        case 7 -> FIFO;
        default -> OTHER;
      };
    }
  }

  /** Whether it is a directory. */
  public boolean isDirectory() {
    return type == Type.DIRECTORY;
  }

  /** Whether it is a regular file. */
  public boolean isFile() {
    return type == Type.FILE;
  }
}
