package io.selkie.server.vfs;

import io.selkie.lease.FileIdentity;
import io.selkie.server.compound.CurrentFile;
import java.util.Optional;

/**
 * What a filehandle stands for: plain memory, nothing is held open. Immutable.
 *
 * <p>That one exists does not mean that the file still does; each operation finds out anew.
 */
public final class VfsFile implements CurrentFile {
  private final Export export;
  private final FileHandle handle;
  private final FileIdentity identity;
  private final byte[] bytes;

  VfsFile(Export export, FileHandle handle, byte[] bytes) {
    this.export = export;
    this.handle = handle;
    this.identity =
        new FileIdentity(export == null ? 0 : export.device(), handle.inode(), handle.generation());
    this.bytes = bytes;
  }

  /** Whether it is one of the directories above the exports, which belong to none. */
  public boolean isPseudoRoot() {
    return export == null;
  }

  /** Whether it is the root of its export. */
  public boolean isExportRoot() {
    return export != null
        && handle.inode() == export.root().inode()
        && handle.generation() == export.root().generation();
  }

  /** The export it is in; empty for the directory above all exports. */
  public Optional<Export> export() {
    return Optional.ofNullable(export);
  }

  /** The inode. */
  public FileIdentity identity() {
    return identity;
  }

  /** Length of the filehandle in bytes, at most 128. */
  public int handleLength() {
    return bytes.length;
  }

  /** The filehandle as it goes over the wire, a copy. */
  public byte[] handleBytes() {
    return bytes.clone();
  }

  Export exportOrNull() {
    return export;
  }

  byte[] bytes() {
    return bytes;
  }

  FileHandle handle() {
    return handle;
  }

  /** Each export has a disk of its own, as far as can be known. */
  @Override
  public int place() {
    return handle.exportId();
  }

  /** The export stays what it is, and its descriptors open, as long as somebody is inside. */
  @Override
  public boolean enter() {
    return export == null || export.enter();
  }

  @Override
  public void leave() {
    if (export != null) {
      export.leave();
    }
  }

  /** The same inode of the same export. */
  @Override
  public boolean equals(Object other) {
    return other instanceof VfsFile file
        && file.handle.exportId() == handle.exportId()
        && file.identity.equals(identity);
  }

  @Override
  public int hashCode() {
    return identity.hashCode();
  }

  @Override
  public String toString() {
    return isPseudoRoot()
        ? "pseudo directory " + handle.inode()
        : export.name() + ":" + handle.inode();
  }
}
