package io.selkie.layout.rdma;

import io.selkie.lease.Seal;
import io.selkie.rdma.Registration;
import java.util.List;
import java.util.Optional;

/**
 * By which provider a client reaches a piece of a file. Asked for each part of a layout; safe for
 * use by several threads, and must not block.
 */
public interface RdmaRouting {

  /**
   * A provider that listens.
   *
   * @param provider its name, for people
   * @param domains the clients' protection domains there
   * @param device what layouts by it name
   * @param flushDevice what those parts name instead that peers may flush: the same listener under
   *     another id, because a handle has no place for a flag. Empty where it has no RDMA FLUSH
   */
  record Route(
      String provider,
      RdmaDomains domains,
      RdmaDevices.Device device,
      Optional<RdmaDevices.Device> flushDevice) {

    /** One without RDMA FLUSH. */
    public Route(String provider, RdmaDomains domains, RdmaDevices.Device device) {
      this(provider, domains, device, Optional.empty());
    }
  }

  /**
   * A way to some memory.
   *
   * @param how the manner of registration
   * @param pins whether the pages must stay in memory for as long as they are registered
   * @param flush whether RDMA FLUSH makes durable what was written that way; the route has a device
   *     for it then
   */
  record Way(Route route, Registration how, boolean pins, boolean flush) {

    /** One without RDMA FLUSH. */
    public Way(Route route, Registration how, boolean pins) {
      this(route, how, pins, false);
    }

    /** Refuses one that cannot be named. */
    public Way {
      if (flush && route.flushDevice().isEmpty()) {
        throw new IllegalArgumentException(route.provider() + " has no device to be flushed by");
      }
    }

    /** What a part that goes this way names. */
    RdmaDevices.Device device() {
      return flush ? route.flushDevice().orElseThrow() : route.device();
    }
  }

  /**
   * The ways there are.
   *
   * @param usable the best first
   * @param reason for people: why those that are missing are
   */
  record Ways(List<Way> usable, String reason) {}

  /** All there are; the same as long as the server runs. */
  List<Route> routes();

  /** How this client can reach {@code bytes} octets of a sealed file. */
  Ways ways(long clientId, Seal seal, boolean write, long bytes);

  /** Room for a registration, from before it is made until it is dead. */
  interface Claim {
    /** A claim that nobody counts. */
    Claim FREE = () -> {};

    /** It was made. */
    default void registered() {}

    /** The client, who was told of it, gave it back without having been asked to. */
    default void givenBack() {}

    /** It is dead, or was never made. To be called once. */
    void end();
  }

  /**
   * Takes a way.
   *
   * @return empty when there is no room any more; the next one is to be tried
   */
  Optional<Claim> claim(long clientId, Way way, long bytes);

  /** A way that was thought to be usable was not; the next one is tried. */
  void refused(long clientId, Way way, String reason);

  /** What is remembered of a client is over. */
  void clientGone(long clientId);

  /** With one provider that reaches everything, by the first device there is then. */
  static RdmaRouting toFirst(RdmaDomains domains, RdmaDevices devices) {
    return new RdmaRouting() {
      @Override
      public List<Route> routes() {
        return devices.primary().map(device -> new Route("", domains, device)).stream().toList();
      }

      @Override
      public Ways ways(long clientId, Seal seal, boolean write, long bytes) {
        return new Ways(
            routes().stream().map(route -> new Way(route, Registration.PLAIN, false)).toList(),
            "no RDMA listener was announced");
      }

      @Override
      public Optional<Claim> claim(long clientId, Way way, long bytes) {
        return Optional.of(Claim.FREE);
      }

      @Override
      public void refused(long clientId, Way way, String reason) {}

      @Override
      public void clientGone(long clientId) {}
    };
  }
}
