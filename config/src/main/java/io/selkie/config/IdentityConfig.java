package io.selkie.config;

import java.util.Optional;

/**
 * Users and their names.
 *
 * @param owners how owners and groups of files are told to clients
 * @param domain what stands behind the {@code @} of names; nothing takes the machine's own domain
 * @param manageGroups whether a user's groups are looked up here instead of taken from the request,
 *     which carries at most 16
 * @param cacheSeconds how long what was looked up counts
 */
public record IdentityConfig(
    @Setting("numbers") Owners owners,
    @Setting(value = Setting.NOTHING, min = 1, max = 253) Optional<String> domain,
    @Setting("false") boolean manageGroups,
    @Setting(value = "600", min = 1, max = 86_400) int cacheSeconds) {

  /** How owners are told. */
  public enum Owners {
    /** As numbers: right wherever both sides share them, as AUTH_SYS supposes. */
    NUMBERS,
    /** As name@domain where the user has a name here, otherwise as numbers. */
    NAMES
  }
}
