package io.selkie.server.vfs;

import io.selkie.posix.Names;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;

/**
 * A name above or of an export, beneath the server's root. It stands for the export where the
 * client sees that, otherwise for a directory that exists in this server only. Immutable once the
 * {@link ExportTree} is made.
 */
final class PseudoNode {
  private static final long ROOT_ID = 1;

  final byte[] name;
  final String path;
  final PseudoNode parent;

  /** Its number as an inode: the same as long as its path is. */
  final long id;

  final List<PseudoNode> children = new ArrayList<>();
  VfsFile file;
  Export export;

  /** Where it is crossed over from another export; null elsewhere. */
  Junction junction;

  /**
   * Where an export lies in a directory of another one.
   *
   * @param directory in the outer export
   * @param coveredInode of what the name stands for there
   */
  record Junction(VfsFile directory, long coveredInode) {}

  PseudoNode(PseudoNode parent, String name) {
    this.parent = parent;
    this.name = Names.bytes(name);
    this.path = parent == null ? "" : parent.path.isEmpty() ? name : parent.path + "/" + name;
    this.id = parent == null ? ROOT_ID : idOf(path);
  }

  /** 63 bits of FNV-1a, the highest but the sign set: apart from the root's. */
  private static long idOf(String path) {
    long hash = 0xcbf29ce484222325L;
    for (byte b : path.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (b & 0xff)) * 0x100000001b3L;
    }
    return (hash & Long.MAX_VALUE) | 1L << 62;
  }

  PseudoNode child(byte[] childName) {
    for (PseudoNode child : children) {
      if (Arrays.equals(child.name, childName)) {
        return child;
      }
    }
    return null;
  }

  void sort() {
    children.sort(Comparator.comparingLong(child -> child.id));
  }

  /** Whether a client that sees some exports sees anything here. */
  boolean isVisible(Predicate<Export> visible) {
    if (export != null && visible.test(export)) {
      return true;
    }
    for (PseudoNode child : children) {
      if (child.isVisible(visible)) {
        return true;
      }
    }
    return false;
  }

  /** Whether it stands for its export. */
  boolean isExport(Predicate<Export> visible) {
    return export != null && visible.test(export);
  }
}
