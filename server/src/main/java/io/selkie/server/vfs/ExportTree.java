package io.selkie.server.vfs;

import static io.selkie.protocol.nfs4.NfsStat4.*;

import io.selkie.lease.FileIdentity;
import io.selkie.posix.AtFlags;
import io.selkie.posix.Errno;
import io.selkie.posix.FileStatus;
import io.selkie.posix.Kernel;
import io.selkie.posix.Names;
import io.selkie.posix.PosixException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * How the exports hang together: the pseudo file system of RFC 8881 section 7.3. Names of several
 * levels become directories that exist here only, unless they lead through another export: then
 * clients cross from a directory of that one into this one, as over a mount point.
 *
 * <p>Each client sees the exports that are for it, and of the directories those that lead to them.
 * Cookies are numbers made of the paths, so a listing goes on rightly while exports come and go.
 * Immutable.
 */
final class ExportTree {

  private static final byte[] DOT = Names.bytes(".");
  private static final int NOT_DIRECTORY = Errno.ENOTDIR.result();

  private record Place(int exportId, FileIdentity directory) {}

  private final Resolver resolver;
  private final PseudoNode root = new PseudoNode(null, "");
  private final List<Export> exports;
  private final Map<Integer, Export> byId = new HashMap<>();
  private final Map<Export, PseudoNode> nodeOf = new HashMap<>();
  private final Map<Long, PseudoNode> nodes = new HashMap<>();
  private final Map<Place, List<PseudoNode>> junctions = new HashMap<>();
  private final long changedSeconds;
  private final int version;

  /**
   * Of some exports.
   *
   * @param changedSeconds when they came to be these, since the epoch
   * @param version larger for each tree of a server
   * @throws PosixException when the place of an export in another one does not exist
   */
  ExportTree(
      Kernel kernel,
      Resolver resolver,
      Collection<Export> exports,
      long changedSeconds,
      int version)
      throws PosixException {
    this.resolver = resolver;
    this.changedSeconds = changedSeconds;
    this.version = version;
    this.exports = exports.stream().sorted(Comparator.comparing(Export::name)).toList();
    add(root);
    for (Export export : this.exports) {
      Export other = byId.put(export.id(), export);
      if (other != null) {
        throw new IllegalArgumentException(
            export + " and " + other + " get the same file system id: rename one of them");
      }
      PseudoNode node = root;
      for (String part : export.name().split("/")) {
        PseudoNode child = node.child(Names.bytes(part));
        if (child == null) {
          child = new PseudoNode(node, part);
          node.children.add(child);
          add(child);
        }
        node = child;
      }
      node.export = export;
      nodeOf.put(export, node);
    }
    nodes.values().forEach(PseudoNode::sort);
    for (Export export : this.exports) {
      join(kernel, nodeOf.get(export));
    }
  }

  private void add(PseudoNode node) {
    PseudoNode other = nodes.put(node.id, node);
    if (other != null) {
      throw new IllegalArgumentException(
          "the names '" + node.path + "' and '" + other.path + "' get the same number: change one");
    }
    FileHandle handle = FileHandle.pseudo(node.id);
    node.file = new VfsFile(null, handle, resolver.codec().encode(handle));
  }

  /** Finds the place of an export in the export that its name leads through, if it does. */
  private void join(Kernel kernel, PseudoNode node) throws PosixException {
    List<byte[]> way = new ArrayList<>();
    PseudoNode outer = node.parent;
    while (outer != null && outer.export == null) {
      way.addFirst(outer.name);
      outer = outer.parent;
    }
    if (outer == null) {
      return;
    }
    Export outside = outer.export;
    VfsFile directory = resolver.rootOf(outside);
    FileStatus status = new FileStatus();
    int fd = kernel.openat2(outside.rootFd(), DOT, Export.NAME_ONLY, 0, 0);
    try {
      for (byte[] part : way) {
        int next = fd < 0 ? fd : kernel.openat2(fd, part, Export.NAME_ONLY, 0, Export.RESOLVE);
        if (fd >= 0) {
          kernel.close(fd);
        }
        fd = next;
        check(fd, node, outside);
        int[] failure = new int[1];
        Optional<VfsFile> inner = resolver.identify(outside, fd, status, failure);
        check(inner.isEmpty() ? failure[0] : 0, node, outside);
        resolver.seen(directory, part, inner.get(), fd, status.isDirectory());
        directory = inner.get();
      }
      check(fd, node, outside);
      int covered =
          kernel.statx(fd, node.name, AtFlags.SYMLINK_NOFOLLOW, FileStatus.MASK_ALL, status);
      check(covered < 0 || status.isDirectory() ? covered : NOT_DIRECTORY, node, outside);
    } finally {
      if (fd >= 0) {
        kernel.close(fd);
      }
    }
    node.junction = new PseudoNode.Junction(directory, status.inode());
    junctions
        .computeIfAbsent(new Place(outside.id(), directory.identity()), _ -> new ArrayList<>())
        .add(node);
  }

  private static void check(int result, PseudoNode node, Export outside) throws PosixException {
    if (result < 0) {
      throw new PosixException(
          "openat2",
          result,
          "the place of " + node.export + " in " + outside,
          "make the directory where clients cross over, or give the export another name");
    }
  }

  VfsFile rootFile() {
    return root.file;
  }

  List<Export> exports() {
    return exports;
  }

  Export exportById(int id) {
    return byId.get(id);
  }

  /** The export that a file's handle leads to now. */
  Optional<Export> find(VfsFile file) {
    return Optional.ofNullable(exportById(file.handle().exportId()));
  }

  /** A pseudo directory by its number. */
  Found byNumber(long id) {
    PseudoNode node = nodes.get(id);
    return node == null ? Found.refused(NFS4ERR_STALE) : Found.of(node.file);
  }

  private PseudoNode node(VfsFile pseudo) {
    return nodes.get(pseudo.identity().inode());
  }

  private Found found(PseudoNode node, Predicate<Export> visible) {
    if (node == null || !node.isVisible(visible)) {
      return Found.refused(NFS4ERR_NOENT);
    }
    return Found.of(node.isExport(visible) ? resolver.rootOf(node.export) : node.file);
  }

  /** LOOKUP in a pseudo directory. */
  Found lookup(VfsFile pseudo, byte[] name, Predicate<Export> visible) {
    PseudoNode node = node(pseudo);
    return node == null ? Found.refused(NFS4ERR_STALE) : found(node.child(name), visible);
  }

  /** LOOKUPP of a pseudo directory or an export's root. */
  Found parent(VfsFile file, Predicate<Export> visible) {
    PseudoNode node = file.isPseudoRoot() ? node(file) : nodeOf.get(file.exportOrNull());
    if (node == null) {
      return Found.refused(NFS4ERR_STALE);
    }
    if (node.parent == null) {
      return Found.refused(NFS4ERR_NOENT);
    }
    if (node.junction != null && visible.test(node.junction.directory().exportOrNull())) {
      return Found.of(node.junction.directory());
    }
    return Found.of(
        node.parent.isExport(visible) ? resolver.rootOf(node.parent.export) : node.parent.file);
  }

  /** The exports that lie in a directory of another one; null for none, which is the rule. */
  List<PseudoNode> junctionsIn(VfsFile directory) {
    return junctions.isEmpty()
        ? null
        : junctions.get(new Place(directory.handle().exportId(), directory.identity()));
  }

  /** Where one crosses over at a name of a directory; null where one does not. */
  PseudoNode junctionAt(VfsFile directory, byte[] name) {
    List<PseudoNode> here = junctionsIn(directory);
    if (here != null) {
      for (PseudoNode node : here) {
        if (Arrays.equals(node.name, name)) {
          return node;
        }
      }
    }
    return null;
  }

  /** The number of what an export's root covers. */
  long coveredBy(Export export) {
    PseudoNode node = nodeOf.get(export);
    if (node == null) {
      return export.root().inode();
    }
    return node.junction == null ? node.id : node.junction.coveredInode();
  }

  /** Attributes of a pseudo directory. */
  int fill(VfsFile pseudo, FileStatus out) {
    PseudoNode node = node(pseudo);
    if (node == null) {
      return NFS4ERR_STALE;
    }
    out.clear();
    out.mode(FileStatus.TYPE_DIRECTORY | 0555).inode(node.id).linkCount(2 + node.children.size());
    out.blockSize(4096).mask(FileStatus.MASK_BASIC);
    out.atimeSec(changedSeconds).mtimeSec(changedSeconds).ctimeSec(changedSeconds);
    out.mtimeNsec(version).ctimeNsec(version);
    return NFS4_OK;
  }

  /** READDIR of a pseudo directory. A cookie is the number of the entry it stands behind. */
  int read(
      VfsFile pseudo,
      long cookie,
      boolean attributes,
      Predicate<Export> visible,
      DirectoryReader.Sink sink) {
    PseudoNode node = node(pseudo);
    if (node == null) {
      return NFS4ERR_STALE;
    }
    if (cookie < 0 || (cookie > 0 && cookie < 1L << 62)) {
      return NFS4ERR_BAD_COOKIE;
    }
    FileStatus status = new FileStatus();
    for (PseudoNode child : node.children) {
      if (child.id > cookie && child.isVisible(visible)) {
        if (!give(sink, child.id, child.name, found(child, visible).file(), attributes, status)) {
          return NFS4_OK;
        }
      }
    }
    sink.atEnd();
    return NFS4_OK;
  }

  /** At an export's root nobody looks here: that may take as long as another disk does. */
  private boolean give(
      DirectoryReader.Sink sink,
      long cookie,
      byte[] name,
      VfsFile file,
      boolean attributes,
      FileStatus status) {
    if (!attributes) {
      return sink.entry(cookie, name, NFS4_OK, null, null);
    }
    if (!file.isPseudoRoot()) {
      return sink.entry(cookie, name, NFS4_OK, file, null);
    }
    int outcome = fill(file, status);
    return outcome == NFS4_OK
        ? sink.entry(cookie, name, NFS4_OK, file, status)
        : sink.entry(cookie, name, outcome, null, null);
  }

  /** The roots of the exports that {@link #read} or {@link #crossing} may show in a directory. */
  List<VfsFile> rootsIn(VfsFile directory, long cookie, Predicate<Export> visible) {
    boolean pseudo = directory.isPseudoRoot();
    PseudoNode node = pseudo ? node(directory) : null;
    List<PseudoNode> here = pseudo ? (node == null ? null : node.children) : junctionsIn(directory);
    if (here == null) {
      return List.of();
    }
    return here.stream()
        .filter(child -> child.isExport(visible) && (!pseudo || child.id > cookie))
        .map(child -> resolver.rootOf(child.export))
        .toList();
  }

  /**
   * Shows in the listing of a directory the exports that lie in it, and hides what they cover from
   * clients that do not see them.
   */
  DirectoryReader.Sink crossing(
      List<PseudoNode> here,
      boolean attributes,
      Predicate<Export> visible,
      DirectoryReader.Sink sink) {
    FileStatus status = new FileStatus();
    return new DirectoryReader.Sink() {
      @Override
      public boolean entry(long cookie, byte[] name, int outcome, VfsFile file, FileStatus of) {
        for (PseudoNode node : here) {
          if (Arrays.equals(node.name, name)) {
            Found found = found(node, visible);
            if (found.status() != NFS4_OK) {
              return true;
            }
            return give(sink, cookie, name, found.file(), attributes, status);
          }
        }
        return sink.entry(cookie, name, outcome, file, of);
      }

      @Override
      public void atEnd() {
        sink.atEnd();
      }
    };
  }
}
