package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.Kernel;
import java.util.Optional;

/** Files by the filehandles that clients present. Safe for use by several threads. */
final class HandleFinder {
  private final Kernel own;
  private final Resolver resolver;
  private final OpenFileTable openFiles;
  private final HandleCache cache = new HandleCache();

  HandleFinder(Kernel own, Resolver resolver, OpenFileTable openFiles) {
    this.own = own;
    this.resolver = resolver;
    this.openFiles = openFiles;
  }

  /** See {@link PassthroughFileSystem#fromHandle}. */
  Found find(byte[] handle, ExportTree tree) {
    Found known = cache.find(handle);
    if (known != null && !known.file().export().equals(tree.find(known.file()))) {
      // Of an export that went; it may have come back as another object.
      known = null;
    }
    if (known != null && openFiles.isOpen(known.file().identity())) {
      // What is open exists, and was looked at when it was opened.
      return known;
    }
    Found found = known != null ? known : decode(handle, tree);
    if (found.status() != NFS4_OK || found.file().isPseudoRoot()) {
      return found;
    }
    int fd = resolver.open(found.file());
    if (fd < 0) {
      return Found.refused(NfsErrors.of(fd));
    }
    own.close(fd);
    if (known == null) {
      cache.put(found);
    }
    return found;
  }

  /** Whether to find and to look at the file of a handle, if it is one, needs no disk. */
  boolean isAtHand(byte[] handle, ExportTree tree) {
    Found known = cache.find(handle);
    Found found = known != null ? known : decode(handle, tree);
    return found.status() == NFS4_OK && isAtHand(found.file());
  }

  /** What is open is in memory, and so is the directory above the exports. */
  boolean isAtHand(VfsFile file) {
    return file.isPseudoRoot() || openFiles.isAtHand(file.identity());
  }

  /** Keeps what was found by name. */
  void put(Found found) {
    cache.put(found);
  }

  /** Filehandles that need not be checked and decoded again. */
  int size() {
    return cache.size();
  }

  /** What a handle stands for; whether that is still there is for the caller to find out. */
  Found decode(byte[] handle, ExportTree tree) {
    Optional<FileHandle> decoded = resolver.codec().decode(handle);
    if (decoded.isEmpty()) {
      return Found.refused(NFS4ERR_BADHANDLE);
    }
    if (decoded.get().isPseudoRoot()) {
      return tree.byNumber(decoded.get().inode());
    }
    Export export = tree.exportById(decoded.get().exportId());
    return export == null
        ? Found.refused(NFS4ERR_STALE)
        : Found.of(new VfsFile(export, decoded.get(), handle.clone()));
  }
}
