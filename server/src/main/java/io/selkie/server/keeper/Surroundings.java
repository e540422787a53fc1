package io.selkie.server.keeper;

import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What the process is run by, as far as that can keep its descriptors: a program of its own is, a
 * server within another program is not its own master.
 *
 * @param environment variables of the process
 * @param pid its id
 */
public record Surroundings(Map<String, String> environment, long pid) {

  /** Makes it one of its own. */
  public Surroundings {
    environment = Map.copyOf(environment);
  }

  /** Where the service manager hears; empty when there is none. */
  public Optional<String> notifyAddress() {
    return Optional.ofNullable(environment.get("NOTIFY_SOCKET")).filter(text -> !text.isEmpty());
  }

  /**
   * How many descriptors the service manager keeps for this unit. systemd 254 says so itself; for
   * older ones the unit does, beside FileDescriptorStoreMax=.
   */
  public OptionalInt storeMax() {
    String max = environment.getOrDefault("FDSTORE", "");
    return max.matches("[1-9][0-9]{0,5}")
        ? OptionalInt.of(Integer.parseInt(max))
        : OptionalInt.empty();
  }

  /**
   * Whether systemd started this as the main process of a unit (systemd 248): with it, it ends all
   * others of that unit.
   */
  public boolean isUnit() {
    return environment.getOrDefault("SYSTEMD_EXEC_PID", "").equals(Long.toString(pid));
  }
}
