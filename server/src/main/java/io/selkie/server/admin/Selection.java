package io.selkie.server.admin;

import io.selkie.lease.FileIdentity;
import io.selkie.server.admin.AdminException.Code;
import io.selkie.server.vfs.Export;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which clients, exports, files and devices a request means. Names are looked up when it is made: a
 * path with the file system, which does not break a lease, but may wait for a disk.
 */
final class Selection {

  private static final Pattern DEVICE = Pattern.compile("(\\d{1,9}):(\\d{1,9})");
  private static final Pattern FILE = Pattern.compile("(\\d{1,9}):(\\d{1,9}):(\\d{1,20})");
  private static final Pattern CLIENT = Pattern.compile("(?:0x)?([0-9a-fA-F]{1,16})");

  private final OptionalLong client;
  private final Optional<String> export;
  private final Optional<FileIdentity> file;
  private final OptionalLong device;
  private final Optional<String> rdmaDevice;

  private Selection(
      OptionalLong client,
      Optional<String> export,
      Optional<FileIdentity> file,
      OptionalLong device,
      Optional<String> rdmaDevice) {
    this.client = client;
    this.export = export;
    this.file = file;
    this.device = device;
    this.rdmaDevice = rdmaDevice;
  }

  static Selection of(AdminRequest request, ServerControl server) throws AdminException {
    OptionalLong client =
        request.client().isPresent()
            ? OptionalLong.of(clientId(request.client().get()))
            : OptionalLong.empty();
    if (request.export().isPresent()) {
      String name = request.export().get();
      List<String> names = server.exports().stream().map(Export::name).toList();
      if (!names.contains(name)) {
        throw new AdminException(
            Code.NOT_FOUND,
            "there is no export '" + name + "'; there are " + String.join(", ", names));
      }
    }
    Optional<FileIdentity> file =
        request.file().isPresent() ? Optional.of(file(request.file().get())) : Optional.empty();
    OptionalLong device = OptionalLong.empty();
    Optional<String> rdma = Optional.empty();
    if (request.device().isPresent()) {
      String text = request.device().get();
      Matcher matcher = DEVICE.matcher(text);
      if (matcher.matches()) {
        device = OptionalLong.of(device(matcher.group(1), matcher.group(2)));
      } else if (server.rdma().stream().anyMatch(known -> known.id().equals(text))) {
        rdma = Optional.of(text);
      } else {
        throw new AdminException(
            Code.NOT_FOUND,
            "there is no device '" + text + "'; see the list of devices for their ids");
      }
    }
    return new Selection(client, request.export(), file, device, rdma);
  }

  /** A client's id. */
  static long clientId(String text) throws AdminException {
    Matcher matcher = CLIENT.matcher(text);
    if (!matcher.matches()) {
      throw new AdminException(
          Code.BAD_REQUEST,
          "'"
              + text
              + "' is no client id: write 1 to 16 hexadecimal digits, as the list of"
              + " clients shows them");
    }
    return Long.parseUnsignedLong(matcher.group(1), 16);
  }

  private static long device(String major, String minor) {
    return Long.parseLong(major) << 32 | Long.parseLong(minor);
  }

  /** Device and inode; no generation, which nobody sees. */
  private static FileIdentity file(String text) throws AdminException {
    Matcher matcher = FILE.matcher(text);
    if (matcher.matches()) {
      try {
        return new FileIdentity(
            device(matcher.group(1), matcher.group(2)),
            Long.parseUnsignedLong(matcher.group(3)),
            0);
      } catch (NumberFormatException _) {
        throw new AdminException(Code.BAD_REQUEST, "'" + text + "' is no MAJOR:MINOR:INODE");
      }
    }
    Path path;
    try {
      path = Path.of(text);
    } catch (InvalidPathException e) {
      throw new AdminException(Code.BAD_REQUEST, "'" + text + "' is no path: " + e.getReason());
    }
    if (!path.isAbsolute()) {
      throw new AdminException(
          Code.BAD_REQUEST,
          "'" + text + "' is no file: write an absolute path on the server, or MAJOR:MINOR:INODE");
    }
    try {
      Map<String, Object> found = Files.readAttributes(path, "unix:dev,ino");
      return new FileIdentity(packed((Long) found.get("dev")), (Long) found.get("ino"), 0);
    } catch (NoSuchFileException _) {
      throw new AdminException(Code.NOT_FOUND, "there is no file " + path + " on the server");
    } catch (IOException e) {
      throw new AdminException(Code.FAILED, "looking at " + path + " failed: " + e);
    }
  }

  /** From the C library's dev_t to major in the upper and minor in the lower 32 bits. */
  static long packed(long dev) {
    long major = ((dev >>> 8) & 0xfff) | ((dev >>> 32) & 0xffff_f000L);
    long minor = (dev & 0xff) | ((dev >>> 12) & 0xffff_ff00L);
    return major << 32 | minor;
  }

  OptionalLong client() {
    return client;
  }

  OptionalLong device() {
    return device;
  }

  /** Whether layouts of this RDMA device are meant. */
  Optional<String> rdmaDevice() {
    return rdmaDevice;
  }

  /** The file as lists call it; empty when none is meant. */
  String fileText() {
    return file.map(FileIdentity::text).orElse("");
  }

  boolean isClient(long id) {
    return client.isEmpty() || client.getAsLong() == id;
  }

  boolean isExport(String name) {
    return export.isEmpty() || export.get().equals(name);
  }

  /** Whether the files that are meant have to be looked for. */
  boolean namesFiles() {
    return export.isPresent() || file.isPresent() || rdmaDevice.isPresent();
  }

  /** Whether nothing is said that would leave anything out. */
  boolean isEverything() {
    return client.isEmpty()
        && export.isEmpty()
        && file.isEmpty()
        && device.isEmpty()
        && rdmaDevice.isEmpty();
  }

  /** By device and inode. */
  Predicate<FileIdentity> files() {
    return identity ->
        (device.isEmpty() || device.getAsLong() == identity.device())
            && (file.isEmpty()
                || (file.get().device() == identity.device()
                    && file.get().inode() == identity.inode()));
  }
}
