package io.selkie.client.direct;

import io.selkie.client.ProviderChoice;
import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.rdma.RdmaException;
import io.selkie.rdma.RdmaProvider;
import io.selkie.rdma.iwarp.IwarpConfig;
import io.selkie.rdma.iwarp.IwarpProvider;
import io.selkie.rdma.verbs.VerbsConfig;
import io.selkie.rdma.verbs.VerbsProvider;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The providers that a client has, each opened when a server's device first asks for it. Safe for
 * use by several threads; who opens one keeps the others waiting.
 */
public final class Rails implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Rails.class);

  private final ProviderChoice choice;
  private final RdmaProvider given;
  private final String owner;

  /** Memory to be registered with each. */
  private final List<Registered> registered = new ArrayList<>();

  private Rail software;
  private Rail device;
  private boolean closed;

  /** Memory that the user registered, and what ends it with each provider. */
  private static final class Registered {
    private final MemorySegment memory;
    private final Map<Rail, AutoCloseable> ends = new LinkedHashMap<>();

    Registered(MemorySegment memory) {
      this.memory = memory;
    }

    /** What is refused is copied: {@link LocalMemory} bounces what it does not know. */
    void with(Rail rail) {
      try {
        ends.put(rail, rail.memory().register(memory));
      } catch (RdmaException e) {
        LOG.warn(
            "{} bytes of memory are not registered, so what goes to and from them is copied: {}",
            memory.byteSize(),
            e.getMessage());
      }
    }

    /** Ends all, whatever becomes of each. */
    void end() throws Exception {
      Exception wrong = null;
      for (AutoCloseable each : ends.values()) {
        try {
          each.close();
        } catch (Exception e) {
          if (wrong == null) {
            wrong = e;
          } else {
            wrong.addSuppressed(e);
          }
        }
      }
      ends.clear();
      if (wrong != null) {
        throw wrong;
      }
    }
  }

  /**
   * Nothing is opened yet.
   *
   * @param given does everything, whatever the choice, and stays the caller's; null for none
   * @param owner for logs
   */
  public Rails(ProviderChoice choice, RdmaProvider given, String owner) {
    this.choice = choice;
    this.given = given;
    this.owner = owner;
  }

  /**
   * The one for a server's device.
   *
   * @param transport what the device speaks, as {@link RdmaDeviceAddr4} names it
   * @param peer where it is: of several devices of this machine the one on the way there is taken
   * @throws RdmaException when there is none, or none that speaks it; the message says why
   */
  public synchronized Rail railFor(String transport, InetSocketAddress peer) throws RdmaException {
    if (closed) {
      throw new RdmaException(RdmaException.Reason.CLOSED, "the client is closed", null);
    }
    boolean iwarp = transport.equals(RdmaDeviceAddr4.IWARP);
    if (given != null || (iwarp && choice != ProviderChoice.VERBS)) {
      return software();
    }
    if (choice == ProviderChoice.IWARP) {
      throw foreign(transport, "the iwarp provider does not (choose verbs or auto)");
    }
    Rail found = device(peer);
    if (found.provider() instanceof VerbsProvider verbs && verbs.speaksIwarp() != iwarp) {
      throw foreign(transport, "device " + verbs.deviceName() + " of this machine does not");
    }
    return found;
  }

  private static RdmaException foreign(String transport, String why) {
    return new RdmaException(
        RdmaException.Reason.PROTOCOL,
        "the server's device speaks '" + transport + "', " + why,
        null);
  }

  private Rail software() throws RdmaException {
    if (software == null) {
      software =
          opened(given == null ? new IwarpProvider(IwarpConfig.DEFAULTS) : given, given == null);
    }
    return software;
  }

  private Rail device(InetSocketAddress peer) throws RdmaException {
    if (device == null) {
      device = opened(VerbsProvider.open(onTheWayTo(peer)), true);
      LOG.info("one-sided access by verbs");
    }
    return device;
  }

  private Rail opened(RdmaProvider provider, boolean ours) throws RdmaException {
    Rail rail = null;
    boolean done = false;
    try {
      rail = Rail.of(provider, owner);
      for (Registered each : registered) {
        each.with(rail);
      }
      done = true;
      return rail;
    } finally {
      if (!done && rail != null) {
        for (Registered each : registered) {
          each.ends.remove(rail);
        }
        rail.close(ours);
      } else if (!done && ours) {
        provider.close();
      }
    }
  }

  /** The device that the kernel's way to the peer begins at; any, where that is none. */
  private static VerbsConfig onTheWayTo(InetSocketAddress peer) {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.connect(peer);
      InetAddress local = socket.getLocalAddress();
      VerbsConfig there = VerbsConfig.DEFAULTS.withAddress(local);
      return VerbsProvider.availability(there).available() ? there : VerbsConfig.DEFAULTS;
    } catch (IOException e) {
      LOG.debug("no way to {}", peer, e);
      return VerbsConfig.DEFAULTS;
    }
  }

  /**
   * Registers memory with all that are open and with those to come. A device that refuses it gets
   * what goes to and from it by a copy, and the log says so.
   *
   * @param memory native; must stay alive until the handle is closed
   * @return ends it; no I/O on the memory may be in flight then
   */
  public synchronized AutoCloseable register(MemorySegment memory) {
    Registered added = new Registered(memory);
    if (software != null) {
      added.with(software);
    }
    if (device != null) {
      added.with(device);
    }
    registered.add(added);
    return () -> end(added);
  }

  private synchronized void end(Registered one) throws Exception {
    if (registered.remove(one)) {
      one.end();
    }
  }

  /** Breaks what is up and lets go of all memory. Idempotent. */
  @Override
  public synchronized void close() {
    closed = true;
    if (software != null) {
      software.close(given == null);
      software = null;
    }
    if (device != null) {
      device.close(true);
      device = null;
    }
  }
}
