package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.posix.FileStatus;
import io.selkie.posix.Names;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The read-only directory above all exports, which exists in this server only. */
final class PseudoRoot {
  /** Cookies 0 to 2 mean something else to NFS clients. */
  private static final long FIRST_COOKIE = 3;

  private final List<Export> exports;
  private final Map<Integer, Export> byId = new HashMap<>();
  private final Resolver resolver;
  private final VfsFile file;
  private final long startedAtSeconds;

  PseudoRoot(List<Export> exports, Resolver resolver, long startedAtSeconds) {
    this.exports = exports.stream().sorted(Comparator.comparing(Export::name)).toList();
    this.resolver = resolver;
    this.startedAtSeconds = startedAtSeconds;
    this.file =
        new VfsFile(null, FileHandle.PSEUDO_ROOT, resolver.codec().encode(FileHandle.PSEUDO_ROOT));
    for (Export export : exports) {
      Export other = byId.put(export.id(), export);
      if (other != null) {
        throw new IllegalArgumentException(
            export + " and " + other + " get the same file system id: rename one of them");
      }
    }
  }

  VfsFile file() {
    return file;
  }

  List<Export> exports() {
    return exports;
  }

  Export exportById(int id) {
    return byId.get(id);
  }

  Found lookup(byte[] name) {
    String text = Names.text(name);
    for (Export export : exports) {
      if (export.name().equals(text)) {
        return Found.of(resolver.rootOf(export));
      }
    }
    return Found.refused(NFS4ERR_NOENT);
  }

  void fill(FileStatus out) {
    out.clear();
    out.mode(FileStatus.TYPE_DIRECTORY | 0555).inode(1).linkCount(2 + exports.size());
    out.blockSize(4096).mask(FileStatus.MASK_BASIC);
    out.atimeSec(startedAtSeconds).mtimeSec(startedAtSeconds).ctimeSec(startedAtSeconds);
  }

  int read(long cookie, boolean attributes, DirectoryReader.Sink sink) {
    long first = cookie == 0 ? 0 : cookie - FIRST_COOKIE + 1;
    if (cookie != 0 && (cookie < FIRST_COOKIE || first > exports.size())) {
      return NFS4ERR_BAD_COOKIE;
    }
    for (int i = (int) first; i < exports.size(); i++) {
      Export export = exports.get(i);
      VfsFile root = null;
      FileStatus status = null;
      int outcome = NFS4_OK;
      if (attributes) {
        root = resolver.rootOf(export);
        status = new FileStatus();
        outcome = NfsErrors.of(resolver.stat(root, status));
      }
      if (!sink.entry(i + FIRST_COOKIE, Names.bytes(export.name()), outcome, root, status)) {
        return NFS4_OK;
      }
    }
    sink.atEnd();
    return NFS4_OK;
  }
}
