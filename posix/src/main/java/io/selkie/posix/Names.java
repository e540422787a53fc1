package io.selkie.posix;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;

/** Names and paths as bytes. */
public final class Names {
  /** Longest name of a directory entry, in bytes ({@code NAME_MAX}). */
  public static final int NAME_MAX_BYTES = 255;

  /** Longest path of one call, in bytes, without the zero byte ({@code PATH_MAX - 1}). */
  public static final int PATH_MAX_BYTES = 4095;

  /** No name: the descriptor itself, with {@link AtFlags#EMPTY_PATH}. */
  private static final byte[] EMPTY = {};

  private Names() {}

  /** A name in UTF-8. */
  public static byte[] bytes(String name) {
    return name.getBytes(UTF_8);
  }

  /** A name for people: UTF-8, with replacement characters for what is none. */
  public static String text(byte[] name) {
    return new String(name, UTF_8);
  }

  /** The empty name. */
  public static byte[] empty() {
    return EMPTY;
  }

  /**
   * Whether the bytes can be one component of a path: 1 to {@link #NAME_MAX_BYTES} bytes, no slash,
   * no zero byte, neither {@code .} nor {@code ..}.
   */
  public static boolean isComponent(byte[] name) {
    if (name.length == 0 || name.length > NAME_MAX_BYTES || isDotOrDotDot(name)) {
      return false;
    }
    for (byte b : name) {
      if (b == 0 || b == '/') {
        return false;
      }
    }
    return true;
  }

  /** Whether it is {@code .} or {@code ..}. */
  public static boolean isDotOrDotDot(byte[] name) {
    return (name.length == 1 && name[0] == '.')
        || (name.length == 2 && name[0] == '.' && name[1] == '.');
  }

  /** {@code directory/name}. */
  public static byte[] join(byte[] directory, byte[] name) {
    byte[] path = Arrays.copyOf(directory, directory.length + 1 + name.length);
    path[directory.length] = '/';
    System.arraycopy(name, 0, path, directory.length + 1, name.length);
    return path;
  }

  /** The path by which {@code open} reaches what a descriptor of this process stands for. */
  public static byte[] ofDescriptor(int fd) {
    return bytes("/proc/self/fd/" + fd);
  }
}
