package io.selkie.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * How administrators reach the server: {@code selkie ctl}, by a Unix socket. Root and the user that
 * the server runs as always may.
 *
 * @param enabled whether there is a socket at all
 * @param socket where; nothing means {@code ctl.sock} in the state directory
 * @param owner of the socket, a name or number, who may then use it; nothing means the server's own
 *     user
 * @param group of the socket, a name or number, whose members may use it if the mode lets them;
 *     nothing means the server's own group
 * @param mode of the socket, octal; never open to everybody
 * @param reloadOnChange whether the configuration file is loaded again when it changes, without
 *     being asked to
 */
public record AdminConfig(
    @Setting("true") boolean enabled,
    @Setting(value = Setting.NOTHING, min = 1, max = 107) Optional<Path> socket,
    @Setting(value = Setting.NOTHING, min = 1, max = 64) Optional<String> owner,
    @Setting(value = Setting.NOTHING, min = 1, max = 64) Optional<String> group,
    @Setting(value = "0600", min = 3, max = 4) String mode,
    @Setting("false") boolean reloadOnChange) {

  /** The mode as a number; only of one that was found valid. */
  public int modeBits() {
    return Integer.parseInt(mode, 8);
  }
}
