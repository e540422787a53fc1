package io.selkie.server.admin;

import io.selkie.config.AdminConfig;
import io.selkie.config.time.Timers;
import io.selkie.posix.Errno;
import io.selkie.posix.NameService;
import io.selkie.posix.PatientThreads;
import io.selkie.server.admin.AdminException.Code;
import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import jdk.net.UnixDomainPrincipal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Unix socket of administrators. A thread for each connection, at most {@value
 * #CONNECTIONS_MAX}; whoever is slow is waited for {@link AdminConnection#STALL_SECONDS} seconds.
 */
public final class AdminServer implements AutoCloseable {

  static final int CONNECTIONS_MAX = 16;

  /** After a failure to accept. */
  private static final long AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final Logger LOG = LoggerFactory.getLogger(AdminServer.class);

  private final SocketPlace place;
  private final AdminService service;
  private final Timers timers;
  private final BiConsumer<String, Runnable> threads;
  private final ServerSocketChannel listener;
  private final Set<AdminConnection> connections = ConcurrentHashMap.newKeySet();

  /**
   * Listens from now on.
   *
   * @param path of the socket
   * @param names finds out who is in which group
   * @throws IOException when it cannot, or when others than was said would get in
   */
  public AdminServer(
      Path path, AdminConfig config, NameService names, AdminService service, Timers timers)
      throws IOException {
    this(path, config, names, service, timers, AdminServer::start);
  }

  /**
   * The same with threads of its own, for tests.
   *
   * @param threads starts one of a name
   */
  AdminServer(
      Path path,
      AdminConfig config,
      NameService names,
      AdminService service,
      Timers timers,
      BiConsumer<String, Runnable> threads)
      throws IOException {
    this.threads = threads;
    this.place = new SocketPlace(path, config, names);
    this.service = service;
    this.timers = timers;
    this.listener = place.open(CONNECTIONS_MAX);
    listen();
    LOG.info("administrators by {}", place.path());
  }

  /** Whether the kernel can have a socket at a path, which must not be long. */
  public static boolean fits(Path path) {
    return SocketPlace.fits(path);
  }

  /** Where it listens. */
  public Path path() {
    return place.path();
  }

  private static void start(String name, Runnable task) {
    PatientThreads.of(Thread.ofPlatform().name(name).daemon().factory()).newThread(task).start();
  }

  /** Said once, by the thread that is there for as long as the server is. */
  private static void sayIfImpatient() {
    int joined = PatientThreads.join();
    if (joined < 0) {
      LOG.warn(
          "sched_setattr: {}: what administrators ask for has the priority of clients' work; allow"
              + " the server this system call",
          Errno.describe(joined));
    }
  }

  private void listen() {
    try {
      threads.accept(
          "admin-accept",
          () -> {
            sayIfImpatient();
            accept();
          });
    } catch (OutOfMemoryError e) {
      LOG.error("administrators are not heard for a second: no thread is to be had", e);
      timers.schedule(AGAIN_NANOS, this::listen);
    }
  }

  private void accept() {
    while (listener.isOpen()) {
      try {
        welcome(listener.accept());
      } catch (IOException e) {
        if (listener.isOpen()) {
          // Such as no descriptor left, which is when an administrator is needed most.
          LOG.error("administrators are not heard for a second: accepting failed", e);
          timers.schedule(AGAIN_NANOS, this::listen);
        }
        return;
      }
    }
  }

  /** Whatever fails here, such as a thread that is not to be had, ends this connection only. */
  private void welcome(SocketChannel channel) {
    AdminConnection connection = null;
    try {
      UnixDomainPrincipal peer = SocketPlace.peer(channel);
      String who = peer.user().getName();
      connection = new AdminConnection(channel, who, service, timers);
      if (!place.admits(peer)) {
        LOG.warn("administrators' socket: user {} may not use it", who);
        connection.refuse(
            new AdminException(Code.FORBIDDEN, "user " + who + " may not administer this server"));
      } else if (connections.size() >= CONNECTIONS_MAX) {
        LOG.warn("administrators' socket: {} connections already", CONNECTIONS_MAX);
        connection.refuse(
            new AdminException(
                Code.REFUSED, CONNECTIONS_MAX + " administrators are connected; try again"));
      } else {
        connections.add(connection);
        serve(connection, "admin-" + who);
      }
    } catch (IOException e) {
      LOG.debug("administrators' socket: a connection failed at once", e);
      AdminConnection.closeQuietly(channel);
    } catch (Throwable e) {
      if (connection != null) {
        connections.remove(connection);
      }
      AdminConnection.closeQuietly(channel);
      LOG.error("administrators' socket: a connection could not be served", e);
    }
  }

  private void serve(AdminConnection connection, String thread) {
    threads.accept(
        thread,
        () -> {
          try {
            connection.serve();
          } finally {
            connections.remove(connection);
          }
        });
  }

  /** Stops listening and closes every connection. Idempotent. */
  @Override
  public void close() {
    AdminConnection.closeQuietly(listener);
    connections.forEach(AdminConnection::close);
    try {
      Files.deleteIfExists(place.path());
    } catch (IOException e) {
      LOG.warn("the administrators' socket {} is left behind: {}", place.path(), e.toString());
    }
  }
}
