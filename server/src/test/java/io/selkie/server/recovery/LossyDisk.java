package io.selkie.server.recovery;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.h2.store.fs.FileBaseDefault;
import org.h2.store.fs.FilePath;

/**
 * A disk in memory, as MVStore sees one, that can lose power: what was not forced is then there,
 * not there, or there in part, each write for itself. And it can fail.
 */
final class LossyDisk {

  private static final int SECTOR_BYTES = 512;

  /** A write that is not forced yet; a truncation when there are no bytes. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  private record Pending(long position, byte[] bytes) {}

  private static final class Content {
    byte[] durable = {};
    byte[] now = {};
    final List<Pending> pending = new ArrayList<>();
  }

  private final String scheme;
  private final Map<String, Content> files = new TreeMap<>();
  private boolean off;
  private int failures;
  private int errors;
  private int forces;

  LossyDisk(String scheme) {
    this.scheme = scheme;
    FilePath.register(new LossyPath(scheme + ":"));
  }

  String fileName(String path) {
    return scheme + ":" + path;
  }

  /** The next so many writes and forces fail with an I/O error. */
  synchronized void failNext(int count) {
    failures = count;
  }

  /** The next so many writes and forces end with an error of the machine. */
  synchronized void breakNext(int count) {
    errors = count;
  }

  /** From now on nothing works. */
  synchronized void powerOff() {
    off = true;
  }

  /** How often something was forced. */
  synchronized int forces() {
    return forces;
  }

  synchronized long bytes() {
    return files.values().stream().mapToLong(content -> content.now.length).sum();
  }

  /** The power is back; what was not forced is a matter of luck. */
  synchronized void powerOn(RandomGenerator luck) {
    for (Content content : files.values()) {
      byte[] image = content.durable.clone();
      for (Pending write : content.pending) {
        int kept =
            switch (luck.nextInt(3)) {
              case 0 -> 0;
              case 1 -> write.bytes().length;
              default ->
                  Math.min(
                      write.bytes().length,
                      luck.nextInt(1 + write.bytes().length / SECTOR_BYTES) * SECTOR_BYTES);
            };
        image = write(image, write.position(), Arrays.copyOf(write.bytes(), kept));
      }
      content.now = image;
      content.durable = image.clone();
      content.pending.clear();
    }
    off = false;
    failures = 0;
  }

  private static byte[] write(byte[] image, long position, byte[] bytes) {
    int end = (int) position + bytes.length;
    byte[] result = end > image.length && bytes.length > 0 ? Arrays.copyOf(image, end) : image;
    System.arraycopy(bytes, 0, result, (int) position, bytes.length);
    return result;
  }

  private void work() throws IOException {
    if (off) {
      throw new IOException("no power");
    }
    if (errors > 0) {
      errors--;
      throw new OutOfMemoryError("on purpose");
    }
    if (failures > 0) {
      failures--;
      throw new IOException("Input/output error");
    }
  }

  /** A path on it. */
  private final class LossyPath extends FilePath {
    private final boolean directory;

    LossyPath(String path) {
      this(path, false);
    }

    private LossyPath(String path, boolean directory) {
      this.name = path;
      this.directory = directory;
    }

    private Content content() {
      return files.get(name);
    }

    @Override
    public long size() {
      synchronized (LossyDisk.this) {
        return content() == null ? 0 : content().now.length;
      }
    }

    @Override
    public void moveTo(FilePath target, boolean atomicReplace) {
      synchronized (LossyDisk.this) {
        files.put(target.name, files.remove(name));
      }
    }

    @Override
    public boolean createFile() {
      synchronized (LossyDisk.this) {
        return files.putIfAbsent(name, new Content()) == null;
      }
    }

    @Override
    public boolean exists() {
      synchronized (LossyDisk.this) {
        return directory || files.containsKey(name);
      }
    }

    @Override
    public void delete() {
      synchronized (LossyDisk.this) {
        files.remove(name);
      }
    }

    @Override
    public List<FilePath> newDirectoryStream() {
      return List.of();
    }

    @Override
    public FilePath toRealPath() {
      return this;
    }

    @Override
    public FilePath getParent() {
      return new LossyPath(name.substring(0, name.lastIndexOf('/')), true);
    }

    @Override
    public boolean isDirectory() {
      return directory;
    }

    @Override
    public boolean isRegularFile() {
      return !directory && exists();
    }

    @Override
    public boolean isAbsolute() {
      return true;
    }

    @Override
    public long lastModified() {
      return 0;
    }

    @Override
    public boolean canWrite() {
      return true;
    }

    @Override
    public void createDirectory() {}

    @Override
    public FileChannel open(String mode) throws IOException {
      synchronized (LossyDisk.this) {
        work();
        return new LossyChannel(files.computeIfAbsent(name, any -> new Content()));
      }
    }

    @Override
    public boolean setReadOnly() {
      return false;
    }

    @Override
    public String getScheme() {
      return scheme;
    }

    @Override
    public FilePath getPath(String path) {
      return new LossyPath(path);
    }
  }

  /** An open file. */
  private final class LossyChannel extends FileBaseDefault {
    private final Content content;

    LossyChannel(Content content) {
      this.content = content;
    }

    @Override
    public long size() {
      synchronized (LossyDisk.this) {
        return content.now.length;
      }
    }

    @Override
    public synchronized int read(ByteBuffer target, long position) throws IOException {
      synchronized (LossyDisk.this) {
        if (off) {
          throw new IOException("no power");
        }
        int left = content.now.length - (int) position;
        if (left <= 0) {
          return -1;
        }
        int count = Math.min(left, target.remaining());
        target.put(content.now, (int) position, count);
        return count;
      }
    }

    @Override
    public synchronized int write(ByteBuffer source, long position) throws IOException {
      synchronized (LossyDisk.this) {
        work();
        byte[] bytes = new byte[source.remaining()];
        source.get(bytes);
        content.pending.add(new Pending(position, bytes));
        content.now = LossyDisk.write(content.now, position, bytes);
        return bytes.length;
      }
    }

    @Override
    protected void implTruncate(long size) throws IOException {
      synchronized (LossyDisk.this) {
        work();
        // Only ever of what holds nothing any more; a crash may leave it there.
        content.now = Arrays.copyOf(content.now, (int) size);
        content.pending.removeIf(write -> write.position() >= size);
      }
    }

    @Override
    public void force(boolean metaData) throws IOException {
      synchronized (LossyDisk.this) {
        try {
          work();
        } catch (IOException e) {
          // As kernels do it: what could not be written is dropped, and the next force succeeds.
          content.pending.clear();
          content.pending.add(new Pending(0, content.durable));
          throw e;
        }
        forces++;
        content.durable = content.now.clone();
        content.pending.clear();
      }
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) {
      return new FileLock(this, position, size, shared) {
        @Override
        public boolean isValid() {
          return true;
        }

        @Override
        public void release() {}
      };
    }
  }
}
