package io.selkie.server.admin;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.AdminConfig;
import io.selkie.posix.NameService;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.GroupPrincipal;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.UserPrincipal;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;

/**
 * Where the administrators' socket is, and who may use it: the kernel lets in whom owner, group and
 * mode let in, and we ask it once more for each peer, so that a mode that was changed behind our
 * back lets nobody in.
 */
final class SocketPlace {

  /** sun_path, less the byte at its end. */
  static final int PATH_BYTES_MAX = 107;

  private static final int GROUP_MAY = 0020;
  private static final int OTHERS_MAY_WRITE = 0002;
  private static final int STICKY = 01000;

  private final Path path;
  private final AdminConfig config;
  private final NameService names;
  private UserPrincipal self;
  private UserPrincipal root;
  private UserPrincipal owner;
  private int gid;

  SocketPlace(Path path, AdminConfig config, NameService names) {
    this.path = path.toAbsolutePath();
    this.config = config;
    this.names = names;
  }

  /** Whether the kernel can have a socket there. */
  static boolean fits(Path path) {
    return path.toAbsolutePath().toString().getBytes(UTF_8).length <= PATH_BYTES_MAX;
  }

  Path path() {
    return path;
  }

  /**
   * Listens there.
   *
   * @throws IOException when that cannot be, or would let in others than was said; the message says
   *     what to do
   */
  ServerSocketChannel open(int backlog) throws IOException {
    if (!fits(path)) {
      throw refusal("is longer than " + PATH_BYTES_MAX + " bytes", "choose a shorter one");
    }
    requireSafeDirectory(path.getParent());
    removeStale();
    ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    boolean done = false;
    try {
      listener.bind(UnixDomainSocketAddress.of(path), backlog);
      restrict();
      done = true;
      return listener;
    } catch (IOException e) {
      throw new IOException(
          "the administrators' socket " + path + " cannot be made: " + e.getMessage(), e);
    } finally {
      if (!done) {
        listener.close();
        Files.deleteIfExists(path);
      }
    }
  }

  private IOException refusal(String what, String remedy) {
    return new IOException(
        "the administrators' socket " + path + " " + what + "; " + remedy + " (admin.socket)");
  }

  /** Who may write to the directory could put another socket in the place of ours. */
  private void requireSafeDirectory(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      throw refusal("has no directory: " + directory, "make it");
    }
    Map<String, Object> found = Files.readAttributes(directory, "unix:mode,uid");
    int mode = (Integer) found.get("mode");
    if ((mode & OTHERS_MAY_WRITE) != 0 && (mode & STICKY) == 0) {
      throw refusal(
          "is in " + directory + ", where others may write (mode %04o)".formatted(mode & 07777),
          "chmod o-w " + directory + ", or choose another place");
    }
  }

  private void removeStale() throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    int type = (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) & 0170000;
    if (type != 0140000) {
      throw refusal("is there already and is no socket", "move it away, or choose another place");
    }
    try (SocketChannel _ = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      throw new IOException(
          "the administrators' socket "
              + path
              + " is answered by another server; stop that one, or choose another place");
    } catch (ConnectException _) {
      Files.delete(path);
    }
  }

  /** Until this is done only peers that we check ourselves get in, and those are not served yet. */
  private void restrict() throws IOException {
    PosixFileAttributeView view =
        Files.getFileAttributeView(path, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS);
    UserPrincipalLookupService lookup = path.getFileSystem().getUserPrincipalLookupService();
    self = view.readAttributes().owner();
    root = lookup.lookupPrincipalByName("0");
    // Not with NOFOLLOW_LINKS, which chmod does not know; the directory is ours.
    Files.setPosixFilePermissions(path, permissions(config.modeBits()));
    if (config.group().isPresent()) {
      GroupPrincipal group = lookup.lookupPrincipalByGroupName(config.group().get());
      view.setGroup(group);
    }
    if (config.owner().isPresent()) {
      view.setOwner(lookup.lookupPrincipalByName(config.owner().get()));
    }
    owner = view.readAttributes().owner();
    gid = (Integer) Files.getAttribute(path, "unix:gid", LinkOption.NOFOLLOW_LINKS);
  }

  private static Set<PosixFilePermission> permissions(int mode) {
    Set<PosixFilePermission> set = EnumSet.noneOf(PosixFilePermission.class);
    PosixFilePermission[] all = {
      PosixFilePermission.OTHERS_EXECUTE,
      PosixFilePermission.OTHERS_WRITE,
      PosixFilePermission.OTHERS_READ,
      PosixFilePermission.GROUP_EXECUTE,
      PosixFilePermission.GROUP_WRITE,
      PosixFilePermission.GROUP_READ,
      PosixFilePermission.OWNER_EXECUTE,
      PosixFilePermission.OWNER_WRITE,
      PosixFilePermission.OWNER_READ
    };
    for (int bit = 0; bit < all.length; bit++) {
      if ((mode & 1 << bit) != 0) {
        set.add(all[bit]);
      }
    }
    return set;
  }

  /** Who is at the other end, by the kernel's word. */
  static UnixDomainPrincipal peer(SocketChannel channel) throws IOException {
    return channel.getOption(ExtendedSocketOptions.SO_PEERCRED);
  }

  /** Whether a peer may be served. */
  boolean admits(UnixDomainPrincipal peer) {
    UserPrincipal user = peer.user();
    if (user.equals(root) || user.equals(self) || user.equals(owner)) {
      return true;
    }
    return (config.modeBits() & GROUP_MAY) != 0 && isMember(user.getName());
  }

  private boolean isMember(String name) {
    try {
      OptionalInt uid = names.userNamed(name);
      Optional<int[]> groups = uid.isPresent() ? names.groupsOf(uid.getAsInt()) : Optional.empty();
      if (groups.isPresent()) {
        for (int group : groups.get()) {
          if (group == gid) {
            return true;
          }
        }
      }
      return false;
    } catch (NameService.UnavailableException _) {
      return false;
    }
  }
}
