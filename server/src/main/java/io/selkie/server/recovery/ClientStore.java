package io.selkie.server.recovery;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.selkie.config.time.Timers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.h2.mvstore.DataUtils;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.MVStoreException;
import org.h2.mvstore.type.ByteArrayDataType;
import org.h2.mvstore.type.StringDataType;
import org.h2.store.fs.FileUtils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The clients that may hold state, on disk: an H2 MVStore, a log-structured file whose last
 * complete commit is found again after a crash. One thread writes; what comes while it waits for
 * the disk goes into its next commit, so that many clients share one {@code fsync}. A stage is
 * complete when the change is on disk. Safe for use by several threads; no caller ever waits for
 * the disk, and no lock is held while the disk is written.
 *
 * <p>After a write or an {@code fsync} that failed, nobody can tell what of the file is on the
 * disk: the kernel may have dropped what it could not write. So the file is given up; after {@link
 * #RETRY_NANOS} a new one is written from memory and put in its place. Changes are kept by client,
 * the last one of each, so there are never more than clients.
 */
public final class ClientStore implements AutoCloseable {

  /** The file's name in the state directory. */
  public static final String FILE = "clients.mv.db";

  /** How long after a failed write it is tried again. */
  static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final Logger LOG = LoggerFactory.getLogger(ClientStore.class);

  /** After so many commits the file is made smaller if it has become mostly waste. */
  private static final int COMMITS_PER_COMPACTION = 1024;

  private static final int FILL_PERCENT = 50;
  private static final int COMPACTION_BYTES = 1 << 20;
  private static final int CACHE_MEGABYTES = 1;
  private static final long CLOSE_SECONDS = 10;
  private static final String BOOT_ID = "bootId";

  /**
   * Who waits for a commit.
   *
   * @param patient whether a failure is no answer: it waits for the commit that succeeds
   */
  private record Waiter(CompletableFuture<Void> future, boolean patient) {}

  private record Batch(Map<String, Optional<byte[]>> changes, List<Waiter> waiters) {}

  private final String file;
  private final Timers timers;
  private final Runnable onFailure;
  private final Map<ByteBuffer, StoredClient> atStart;
  private final boolean sameBoot;
  private final Thread writer;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition wanted = lock.newCondition();
  private Map<String, Optional<byte[]>> changes = new LinkedHashMap<>();
  private List<Waiter> waiters = new ArrayList<>();
  private boolean paused;
  private boolean closed;

  private boolean rewrite;

  // Of the writer's thread, once it runs: the open file, or null, and what must be in it.
  private MVStore store;
  private final Map<String, byte[]> image = new HashMap<>();
  private final byte[] bootId;
  private int commits;

  private ClientStore(
      String file,
      MVStore store,
      Map<ByteBuffer, StoredClient> atStart,
      boolean sameBoot,
      byte[] bootId,
      Timers timers,
      Runnable onFailure) {
    this.file = file;
    this.store = store;
    this.atStart = atStart;
    this.sameBoot = sameBoot;
    this.bootId = bootId;
    atStart
        .values()
        .forEach(client -> image.put(StoredClient.key(client.owner()), client.encode()));
    this.timers = timers;
    this.onFailure = onFailure;
    this.writer = Thread.ofPlatform().name("client-store").daemon(true).unstarted(this::run);
  }

  /**
   * Opens the store in a state directory, makes it when there is none.
   *
   * @param bootId tells one start of the machine from another; empty if that is not known
   * @param onFailure told of each write that failed, on the writer's thread
   * @throws ClientStoreException when the file cannot be read or made; one that is damaged is put
   *     aside instead, and nobody can reclaim (section 8.4.3)
   */
  public static ClientStore open(Path directory, String bootId, Timers timers, Runnable onFailure)
      throws ClientStoreException {
    Path path = directory.resolve(FILE);
    try {
      return open(path.toString(), bootId, timers, onFailure);
    } catch (ClientStoreException e) {
      if (!isDamage(e.getCause())) {
        throw e;
      }
      Path aside = path.resolveSibling(FILE + ".damaged");
      LOG.error(
          "{} is damaged and was put aside as {}: no client of before can reclaim what it held",
          path,
          aside,
          e);
      try {
        Files.move(path, aside, StandardCopyOption.REPLACE_EXISTING);
      } catch (IOException failure) {
        failure.addSuppressed(e);
        throw new ClientStoreException(path + " is damaged and cannot be put aside", failure);
      }
      return open(path.toString(), bootId, timers, onFailure);
    }
  }

  /**
   * Opens a file of MVStore's own file systems.
   *
   * @throws ClientStoreException when it cannot be read, damage included
   */
  static ClientStore open(String file, String bootId, Timers timers, Runnable onFailure)
      throws ClientStoreException {
    MVStore store = null;
    try {
      store = openStore(file);
      Map<ByteBuffer, StoredClient> clients = new HashMap<>();
      clientsOf(store)
          .forEach((key, value) -> {
            StoredClient client = StoredClient.decode(key, value);
            clients.put(client.owner(), client);
          });
      MVMap<String, byte[]> facts = factsOf(store);
      byte[] before = facts.get(BOOT_ID);
      byte[] now = bootId.getBytes(UTF_8);
      boolean same = before != null && now.length > 0 && Arrays.equals(now, before);
      facts.put(BOOT_ID, now);
      store.commit();
      store.sync();
      syncDirectory(file);
      ClientStore opened = new ClientStore(file, store, clients, same, now, timers, onFailure);
      opened.writer.start();
      return opened;
    } catch (MVStoreException | IllegalStateException | IllegalArgumentException | IOException e) {
      if (store != null) {
        store.closeImmediately();
      }
      throw new ClientStoreException(
          "the client records in "
              + file
              + " cannot be read or written: "
              + e.getMessage()
              + "; mend the disk, or give another directory with --state-dir",
          e);
    }
  }

  private static boolean isDamage(Throwable cause) {
    return cause instanceof IllegalArgumentException
        || (cause instanceof MVStoreException e
            && (e.getErrorCode() == DataUtils.ERROR_FILE_CORRUPT
                || e.getErrorCode() == DataUtils.ERROR_UNSUPPORTED_FORMAT
                || e.getErrorCode() == DataUtils.ERROR_CHUNK_NOT_FOUND));
  }

  private static MVStore openStore(String file) {
    MVStore opened =
        new MVStore.Builder().fileName(file).autoCommitDisabled().cacheSize(CACHE_MEGABYTES).open();
    // Space is used again at once: each commit is on the disk before the next one is written.
    opened.setRetentionTime(0);
    opened.setVersionsToKeep(0);
    return opened;
  }

  private static MVMap<String, byte[]> clientsOf(MVStore store) {
    return mapOf(store, "clients");
  }

  private static MVMap<String, byte[]> factsOf(MVStore store) {
    return mapOf(store, "facts");
  }

  private static MVMap<String, byte[]> mapOf(MVStore store, String name) {
    return store.openMap(
        name,
        new MVMap.Builder<String, byte[]>()
            .keyType(StringDataType.INSTANCE)
            .valueType(ByteArrayDataType.INSTANCE));
  }

  /** A new file is there after a crash only when its directory says so. */
  private static void syncDirectory(String file) throws IOException {
    Path path = Path.of(file.substring(file.indexOf(':') + 1));
    try (FileChannel folder =
        FileChannel.open(path.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
      folder.force(true);
    }
  }

  /** The clients that held state when the server before this one ended, by owner. */
  Map<ByteBuffer, StoredClient> atStart() {
    return Map.copyOf(atStart);
  }

  /**
   * Whether the machine has run on since: what an earlier server had in the kernel's page cache is
   * there still.
   */
  boolean isSameBoot() {
    return sameBoot;
  }

  /**
   * Adds or replaces a record.
   *
   * @return complete when it is on disk; exceptionally with a {@link ClientStoreException} when
   *     that failed, in which case the record may come to be there later
   */
  CompletionStage<Void> put(StoredClient client) {
    return change(
        Map.of(StoredClient.key(client.owner()), Optional.of(client.encode())),
        new Waiter(new CompletableFuture<>(), false));
  }

  /**
   * Removes records, those that there are.
   *
   * @return complete when they are off the disk, however long that takes; never exceptionally
   *     unless the store is closed
   */
  CompletionStage<Void> remove(Collection<ByteBuffer> owners) {
    Map<String, Optional<byte[]>> removals = new LinkedHashMap<>();
    owners.forEach(owner -> removals.put(StoredClient.key(owner), Optional.empty()));
    return change(removals, new Waiter(new CompletableFuture<>(), true));
  }

  private CompletionStage<Void> change(Map<String, Optional<byte[]>> more, Waiter waiter) {
    lock.lock();
    try {
      if (!closed) {
        more.forEach((key, value) -> {
          // Behind what was there before, not in its place: the order is that of the last changes.
          changes.remove(key);
          changes.put(key, value);
        });
        waiters.add(waiter);
        wanted.signal();
        return waiter.future();
      }
    } finally {
      lock.unlock();
    }
    waiter.future().completeExceptionally(new ClientStoreException(file + " is closed", null));
    return waiter.future();
  }

  // ---------------------------------------------------------------- the writer's thread

  private void run() {
    Batch batch;
    while ((batch = next()) != null) {
      try {
        write(batch.changes());
      } catch (RuntimeException | IOException | Error e) {
        // An error too: without this thread no client would ever get its first state.
        failed(batch, e);
        continue;
      }
      batch.waiters().forEach(waiter -> waiter.future().complete(null));
    }
    if (store != null) {
      store.closeImmediately();
    }
  }

  /** What is to be written, once there is something; null at the end. */
  private Batch next() {
    lock.lock();
    try {
      while ((isIdle() || paused) && !closed) {
        wanted.awaitUninterruptibly();
      }
      if (isIdle()) {
        return null;
      }
      rewrite = false;
      Batch batch = new Batch(changes, waiters);
      changes = new LinkedHashMap<>();
      waiters = new ArrayList<>();
      return batch;
    } finally {
      lock.unlock();
    }
  }

  private boolean isIdle() {
    return changes.isEmpty() && waiters.isEmpty() && !rewrite;
  }

  private void write(Map<String, Optional<byte[]>> batch) throws IOException {
    apply(batch, image);
    if (store == null) {
      store = writeAnew();
      LOG.info("{} is written again", file);
      return;
    }
    apply(batch, clientsOf(store));
    store.commit();
    store.sync();
    if (++commits % COMMITS_PER_COMPACTION == 0) {
      store.compact(FILL_PERCENT, COMPACTION_BYTES);
    }
  }

  private static void apply(Map<String, Optional<byte[]>> batch, Map<String, byte[]> map) {
    batch.forEach((key, value) -> {
      if (value.isPresent()) {
        map.put(key, value.get());
      } else {
        map.remove(key);
      }
    });
  }

  private MVStore writeAnew() throws IOException {
    String draft = file + ".new";
    FileUtils.delete(draft);
    MVStore fresh = openStore(draft);
    try {
      clientsOf(fresh).putAll(image);
      factsOf(fresh).put(BOOT_ID, bootId);
      fresh.commit();
      fresh.sync();
    } finally {
      fresh.closeImmediately();
    }
    FileUtils.moveAtomicReplace(draft, file);
    syncDirectory(file);
    return openStore(file);
  }

  private void failed(Batch batch, Throwable cause) {
    ClientStoreException failure =
        new ClientStoreException(
            "the records of "
                + batch.changes().size()
                + " clients cannot be written to "
                + file
                + ": "
                + rootOf(cause).getMessage()
                + "; no client gets its first state until they are",
            cause);
    LOG.error("tried again in a second", failure);
    if (store != null) {
      try {
        store.closeImmediately();
      } catch (RuntimeException | Error e) {
        LOG.error("{} is left as it is and will be written again", file, e);
      }
      store = null;
    }
    List<Waiter> told = new ArrayList<>();
    lock.lock();
    try {
      for (Waiter waiter : batch.waiters()) {
        if (waiter.patient() && !closed) {
          waiters.add(waiter);
        } else {
          told.add(waiter);
        }
      }
      if (closed) {
        changes.clear();
        told.addAll(waiters);
        waiters.clear();
      }
      rewrite = !closed;
      paused = true;
    } finally {
      lock.unlock();
    }
    told.forEach(waiter -> waiter.future().completeExceptionally(failure));
    onFailure.run();
    timers.schedule(RETRY_NANOS, this::goOn);
  }

  private static Throwable rootOf(Throwable failure) {
    return failure.getCause() == null ? failure : rootOf(failure.getCause());
  }

  private void goOn() {
    lock.lock();
    try {
      paused = false;
      wanted.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Writes what is left, tried once, and closes the file. Idempotent. */
  @Override
  public void close() throws InterruptedException {
    lock.lock();
    try {
      closed = true;
      wanted.signal();
    } finally {
      lock.unlock();
    }
    if (!writer.join(Duration.ofSeconds(CLOSE_SECONDS))) {
      LOG.error("{} does not close: the disk does not answer", file);
    }
  }
}
