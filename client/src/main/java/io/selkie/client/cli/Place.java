package io.selkie.client.cli;

import io.selkie.client.DirectFile;
import io.selkie.client.DirectoryEntry;
import io.selkie.client.FileStatus;
import io.selkie.client.NfsStatusException;
import io.selkie.client.NfsUrl;
import io.selkie.client.SelkieClient;
import io.selkie.protocol.nfs4.NfsStat4;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/** A file or directory to copy from or to, here or on a server. */
sealed interface Place {
  /** What is there. */
  enum Kind {
    NOTHING,
    FILE,
    DIRECTORY,
    /** Neither: a link, a device. */
    OTHER
  }

  Kind kind() throws IOException;

  /** The last part of the name. */
  String name();

  /** What lies in a directory under this name. */
  Place child(String name);

  /** The same directory, another name. */
  Place sibling(String name);

  List<String> list() throws IOException;

  void makeDirectory() throws IOException;

  void remove() throws IOException;

  /** Gives the file another name, replacing what has it. */
  void renameTo(Place target) throws IOException;

  OpenSource openToRead() throws IOException;

  /** Makes a new file of a size that may be known. */
  OpenTarget create(long sizeBytes) throws IOException;

  /** Whether this place is the other, or lies inside it. */
  boolean isWithin(Place other) throws IOException;

  /** Whether a directory is meant, because the name ended in a slash. */
  boolean mustBeDirectory();

  /** A file being read. */
  record OpenSource(Pump.Source source, long sizeBytes, Closer closer) implements AutoCloseable {
    @Override
    public void close() throws IOException {
      closer.close();
    }
  }

  /** A file being written; what was written is durable after {@link #finish}. */
  interface OpenTarget extends AutoCloseable {
    Pump.Sink sink();

    void finish(long sizeBytes) throws IOException;

    @Override
    void close() throws IOException;
  }

  /** Closes. */
  @FunctionalInterface
  interface Closer {
    void close() throws IOException;
  }

  /** A path here. */
  record Local(Path path, boolean mustBeDirectory) implements Place {
    @Override
    public Kind kind() {
      if (Files.isRegularFile(path)) {
        return Kind.FILE;
      }
      if (Files.isDirectory(path)) {
        return Kind.DIRECTORY;
      }
      return Files.exists(path, LinkOption.NOFOLLOW_LINKS) ? Kind.OTHER : Kind.NOTHING;
    }

    @Override
    public String name() {
      Path last = path.toAbsolutePath().normalize().getFileName();
      return last == null ? "" : last.toString();
    }

    @Override
    public Place child(String name) {
      return new Local(path.resolve(name), false);
    }

    @Override
    public Place sibling(String name) {
      return new Local(path.resolveSibling(name), false);
    }

    @Override
    public List<String> list() throws IOException {
      try (Stream<Path> entries = Files.list(path)) {
        return entries.map(entry -> String.valueOf(entry.getFileName())).sorted().toList();
      }
    }

    @Override
    public void makeDirectory() throws IOException {
      Files.createDirectory(path);
    }

    @Override
    public void remove() throws IOException {
      Files.deleteIfExists(path);
    }

    @Override
    public void renameTo(Place target) throws IOException {
      Files.move(path, ((Local) target).path, StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public OpenSource openToRead() throws IOException {
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      return new OpenSource(Pump.from(channel), channel.size(), channel::close);
    }

    @Override
    public OpenTarget create(long sizeBytes) throws IOException {
      FileChannel channel =
          FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
      return new OpenTarget() {
        @Override
        public Pump.Sink sink() {
          return Pump.to(channel);
        }

        @Override
        public void finish(long written) throws IOException {
          channel.force(true);
        }

        @Override
        public void close() throws IOException {
          channel.close();
        }
      };
    }

    @Override
    public boolean isWithin(Place other) throws IOException {
      return other instanceof Local local
          && Files.exists(local.path)
          && real(path).startsWith(local.path.toRealPath());
    }

    /** The real path of what exists, with the rest behind it. */
    private static Path real(Path path) throws IOException {
      Path absolute = path.toAbsolutePath().normalize();
      Path parent = absolute.getParent();
      if (Files.exists(absolute)) {
        return absolute.toRealPath();
      }
      return parent == null ? absolute : real(parent).resolve(absolute.getFileName());
    }

    @Override
    public String toString() {
      return path.toString();
    }
  }

  /** A path on a server. */
  record Remote(SelkieClient client, NfsUrl url) implements Place {
    private static final long GROWTH_BYTES = 64 << 20;

    @Override
    public Kind kind() throws IOException {
      try {
        FileStatus status = client.status(url.path());
        return status.isDirectory() ? Kind.DIRECTORY : status.isFile() ? Kind.FILE : Kind.OTHER;
      } catch (NfsStatusException e) {
        if (e.status() == NfsStat4.NFS4ERR_NOENT) {
          return Kind.NOTHING;
        }
        throw e;
      }
    }

    @Override
    public String name() {
      return url.fileName();
    }

    @Override
    public boolean mustBeDirectory() {
      return url.hasTrailingSlash();
    }

    @Override
    public Place child(String name) {
      return new Remote(client, url.resolve(name));
    }

    @Override
    public Place sibling(String name) {
      List<String> parent = url.components().subList(0, url.components().size() - 1);
      return new Remote(client, new NfsUrl(url.host(), url.port(), parent, false).resolve(name));
    }

    @Override
    public List<String> list() throws IOException {
      return client.list(url.path()).stream().map(DirectoryEntry::name).sorted().toList();
    }

    @Override
    public void makeDirectory() throws IOException {
      client.makeDirectory(url.path());
    }

    @Override
    public void remove() throws IOException {
      client.remove(url.path());
    }

    @Override
    public void renameTo(Place target) throws IOException {
      client.rename(url.path(), ((Remote) target).url.path());
    }

    @Override
    public OpenSource openToRead() throws IOException {
      DirectFile file = client.open(url.path());
      return new OpenSource(Pump.from(file), file.sizeBytes(), file::close);
    }

    /** The size is set first, so that one layout covers the file and all goes one-sided. */
    @Override
    public OpenTarget create(long sizeBytes) throws IOException {
      DirectFile file =
          client.open(url.path(), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
      return new OpenTarget() {
        private long allocated;

        @Override
        public Pump.Sink sink() {
          return (bytes, position) -> {
            long end = position + bytes.byteSize();
            if (end > allocated) {
              allocated =
                  Math.max(sizeBytes, end + (sizeBytes < 0 ? Math.min(end, GROWTH_BYTES) : 0));
              file.setSize(allocated);
            }
            file.write(bytes, position);
          };
        }

        @Override
        public void finish(long written) throws IOException {
          if (written != allocated) {
            file.setSize(written);
          }
          file.sync();
        }

        @Override
        public void close() throws IOException {
          file.close();
        }
      };
    }

    @Override
    public boolean isWithin(Place other) {
      return other instanceof Remote remote
          && remote.url.server().equals(url.server())
          && url.components().size() >= remote.url.components().size()
          && url.components()
              .subList(0, remote.url.components().size())
              .equals(remote.url.components());
    }

    @Override
    public String toString() {
      return url.toString();
    }
  }
}
