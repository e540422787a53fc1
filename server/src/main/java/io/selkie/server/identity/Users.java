package io.selkie.server.identity;

import io.selkie.config.IdentityConfig;
import io.selkie.config.time.NanoClock;
import io.selkie.config.time.Timers;
import io.selkie.posix.NameService;
import io.selkie.protocol.nfs4.NfsStat4;
import io.selkie.protocol.xdr.XdrWriter;
import io.selkie.server.ops.attr.OwnerNames;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Users by their names and with their groups (RFC 8881 section 5.9), from the machine's name
 * services.
 *
 * <p>Numbers are always understood, so a client that does not map names works in any case; names
 * are told only where that was configured and the user has one. Name services may be slow: they are
 * asked on threads of their own, no event loop comes here, and of the workers a few may wait for a
 * moment; the others go on with the number, or tell the client to come again. Safe for use by
 * several threads.
 */
public final class Users implements OwnerNames {

  private static final Logger LOG = LoggerFactory.getLogger(Users.class);
  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long WARN_NANOS = TimeUnit.MINUTES.toNanos(1);
  private static final int WAITING_MAX = 2;

  private final NanoClock clock;
  private final Timers timers;
  private final boolean tellsNames;
  private final boolean managesGroups;
  private final String suffix;
  private final Lookups<Integer, byte[]> userNames;
  private final Lookups<Integer, byte[]> groupNames;
  private final Lookups<String, Integer> users;
  private final Lookups<String, Integer> groups;
  private final Lookups<Integer, int[]> memberships;
  private final Semaphore waiting = new Semaphore(WAITING_MAX);

  /**
   * Who waited in vain spares the next ones that: a list of many names must not cost a second each.
   */
  private volatile long patientAgainNanos;

  private final AtomicLong warnAgainNanos;

  /**
   * Over a name service.
   *
   * @param machineDomain the domain when the configuration names none
   * @param threads asks; may be blocked for long, and refuse what is too much
   * @param timers ends the waiting for groups
   */
  public Users(
      IdentityConfig config,
      String machineDomain,
      NameService service,
      Executor threads,
      NanoClock clock,
      Timers timers) {
    this.clock = clock;
    this.timers = timers;
    this.patientAgainNanos = clock.nanoTime();
    this.warnAgainNanos = new AtomicLong(patientAgainNanos);
    this.tellsNames = config.owners() == IdentityConfig.Owners.NAMES;
    this.managesGroups = config.manageGroups();
    this.suffix = "@" + config.domain().orElse(machineDomain);
    long keep = TimeUnit.SECONDS.toNanos(config.cacheSeconds());
    this.userNames =
        new Lookups<>(uid -> service.nameOfUser(uid).map(this::text), threads, clock, keep);
    this.groupNames =
        new Lookups<>(gid -> service.nameOfGroup(gid).map(this::text), threads, clock, keep);
    this.users =
        new Lookups<>(
            name -> service.userNamed(name).stream().boxed().findAny(), threads, clock, keep);
    this.groups =
        new Lookups<>(
            name -> service.groupNamed(name).stream().boxed().findAny(), threads, clock, keep);
    this.memberships = new Lookups<>(service::groupsOf, threads, clock, keep);
  }

  private byte[] text(String name) {
    return (name + suffix).getBytes(StandardCharsets.UTF_8);
  }

  /** Whether the groups in requests do not count. */
  boolean managesGroups() {
    return managesGroups;
  }

  /** A user's groups as far as they are known now, null when nothing is. */
  Optional<int[]> knownGroups(int uid) {
    return memberships.known(uid);
  }

  /**
   * Asks for them. Completes when it is known which they are, or that there is no such user;
   * exceptionally when the service cannot be asked, which is said in the log, when that takes more
   * than a second, or when too many are asked for: to be tried later.
   */
  CompletableFuture<Void> askGroups(int uid) {
    CompletableFuture<Void> asked = new CompletableFuture<>();
    memberships
        .ask(uid)
        .whenComplete((answer, failure) -> {
          if (failure instanceof RejectedExecutionException) {
            asked.completeExceptionally(failure);
          } else if (failure != null) {
            groupsUnavailable(uid, failure);
            asked.completeExceptionally(failure);
          } else {
            asked.complete(null);
          }
        });
    if (!asked.isDone()) {
      Timers.Timer timer =
          timers.schedule(
              WAIT_NANOS, () -> asked.completeExceptionally(new TimeoutException("groups")));
      asked.whenComplete((none, failure) -> timer.cancel());
    }
    return asked;
  }

  /** Every request of every user may come here while the service is down: said now and then. */
  private void groupsUnavailable(int uid, Throwable failure) {
    long now = clock.nanoTime();
    long again = warnAgainNanos.get();
    if (now - again >= 0 && warnAgainNanos.compareAndSet(again, now + WARN_NANOS)) {
      LOG.warn(
          "the groups of user {} cannot be looked up, its requests are told to come again: {}; not"
              + " said again of anybody for a minute",
          Integer.toUnsignedString(uid),
          failure.toString());
    }
  }

  @Override
  public void encodeUser(XdrWriter out, int uid) {
    encode(out, userNames, uid);
  }

  @Override
  public void encodeGroup(XdrWriter out, int gid) {
    encode(out, groupNames, gid);
  }

  private void encode(XdrWriter out, Lookups<Integer, byte[]> names, int id) {
    Optional<byte[]> name = tellsNames ? get(names, id) : null;
    if (name != null && name.isPresent()) {
      out.opaque(name.get());
    } else {
      NUMBERS.encodeUser(out, id);
    }
  }

  @Override
  public long user(String text) {
    return number(users, text);
  }

  @Override
  public long group(String text) {
    return number(groups, text);
  }

  private long number(Lookups<String, Integer> ids, String text) {
    long number = NUMBERS.user(text);
    if (number >= 0 || !text.endsWith(suffix) || text.length() == suffix.length()) {
      return number;
    }
    Optional<Integer> id = get(ids, text.substring(0, text.length() - suffix.length()));
    if (id == null) {
      return -NfsStat4.NFS4ERR_DELAY;
    }
    return id.map(Integer::toUnsignedLong).orElse((long) -NfsStat4.NFS4ERR_BADOWNER);
  }

  /** The answer; null when it is not to be had quickly. */
  private <K, V> Optional<V> get(Lookups<K, V> lookups, K key) {
    Optional<V> known = lookups.known(key);
    if (known != null) {
      return known;
    }
    CompletableFuture<Optional<V>> asked = lookups.ask(key);
    if (clock.nanoTime() - patientAgainNanos < 0 || !waiting.tryAcquire()) {
      return asked.isDone() && !asked.isCompletedExceptionally() ? asked.join() : null;
    }
    try {
      return asked.get(WAIT_NANOS, TimeUnit.NANOSECONDS);
    } catch (TimeoutException _) {
      patientAgainNanos = clock.nanoTime() + WAIT_NANOS;
      LOG.warn("the name service takes more than a second for {}", key);
    } catch (ExecutionException e) {
      LOG.warn("the name service does not answer for {}: {}", key, e.getCause().toString());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      waiting.release();
    }
    return null;
  }
}
