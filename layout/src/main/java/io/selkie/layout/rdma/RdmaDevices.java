package io.selkie.layout.rdma;

import io.selkie.protocol.layout.rdma.RdmaDeviceAddr4;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.NetAddr4;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * The RDMA listeners that clients are told about, each with a device id that is stable for this
 * boot and unlike those of any other (RFC 8881 section 12.2.10: ids are not used again for another
 * address while a client may remember them).
 *
 * <p>Filled at start, before the first request; safe to read by several threads after that.
 */
public final class RdmaDevices {

  /**
   * A listener.
   *
   * @param id its device id
   * @param advertisedHost the address that clients are told in text form; empty when the listener
   *     is bound to the wildcard: then each client is told the address that its own connection came
   *     to
   * @param port TCP or RDMA/CM port
   * @param transport what is spoken there, as {@link RdmaDeviceAddr4} names it
   * @param flush whether what is written by this id may be flushed
   */
  public record Device(
      DeviceId4 id, Optional<String> advertisedHost, int port, String transport, boolean flush) {}

  private final List<Device> devices = new ArrayList<>();
  private final long bootHigh;

  /** An empty table; {@code random} makes this boot's ids unlike others. */
  public RdmaDevices(RandomGenerator random) {
    this.bootHigh = random.nextLong();
  }

  /** Adds a listener that speaks iWARP. */
  public Device add(Optional<String> advertisedHost, int port) {
    return add(advertisedHost, port, RdmaDeviceAddr4.IWARP, false);
  }

  /**
   * Adds a listener, or another id of one.
   *
   * @param flush whether handles that name this id are registered for RDMA FLUSH
   */
  public synchronized Device add(
      Optional<String> advertisedHost, int port, String transport, boolean flush) {
    DeviceId4 id = new DeviceId4(bootHigh, devices.size() + 1L);
    Device device = new Device(id, advertisedHost, port, transport, flush);
    devices.add(device);
    return device;
  }

  /** The first device; empty before the first listener is added. */
  public synchronized Optional<Device> primary() {
    return devices.stream().findFirst();
  }

  /** Looks one up. */
  public synchronized Optional<Device> find(DeviceId4 id) {
    return devices.stream().filter(device -> device.id().equals(id)).findFirst();
  }

  /** The address body for a client whose connection came to {@code arrivedAtHost}. */
  public static RdmaDeviceAddr4 addressOf(Device device, String arrivedAtHost) {
    String host = device.advertisedHost().orElse(arrivedAtHost);
    String netid =
        host.indexOf(':') >= 0 ? RdmaDeviceAddr4.NETID_RDMA6 : RdmaDeviceAddr4.NETID_RDMA;
    NetAddr4 where = NetAddr4.of(netid, host, device.port());
    return new RdmaDeviceAddr4(where, device.transport(), device.flush());
  }
}
