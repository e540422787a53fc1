package io.selkie.server.vfs;

/** Bits of ACCESS, RFC 8881 section 18.1 and RFC 8276 section 8.5. */
final class AccessBits {
  static final int READ = 0x01;
  static final int LOOKUP = 0x02;
  static final int MODIFY = 0x04;
  static final int EXTEND = 0x08;
  static final int DELETE = 0x10;
  static final int EXECUTE = 0x20;

  static final int XATTR_READ = 0x40;
  static final int XATTR_WRITE = 0x80;
  static final int XATTR_LIST = 0x100;

  static final int WRITING = MODIFY | EXTEND | DELETE | XATTR_WRITE;
  static final int READING = READ | LOOKUP;

  /** Those that mean something for what can have extended attributes. */
  static final int XATTRS = XATTR_READ | XATTR_WRITE | XATTR_LIST;

  /** Those that mean something for a directory. */
  static final int DIRECTORY = READ | LOOKUP | MODIFY | EXTEND | DELETE;

  /** Those that mean something for everything else. */
  static final int OTHER = READ | MODIFY | EXTEND | EXECUTE;

  private AccessBits() {}
}
