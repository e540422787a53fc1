package io.selkie.config;

import java.util.List;
import java.util.Locale;

/**
 * What some clients may do with an export. The first rule that fits a client counts; whom none fits
 * does not see the export at all.
 *
 * @param hosts addresses, networks and names, apart by commas or spaces; {@code *} for everybody
 * @param readOnly whether their changes are refused with NFS4ERR_ROFS
 * @param squash who is made the anonymous user
 * @param anonUid the anonymous user
 * @param anonGid the anonymous user's group
 * @param security by what they may say who they are; of {@code sys} and {@code none}, apart like
 *     hosts
 */
public record ClientRule(
    @Setting(min = 1, max = 65_536) String hosts,
    @Setting("false") boolean readOnly,
    @Setting("root") Squash squash,
    @Setting(value = "65534", min = 0, max = 4_294_967_294L) long anonUid,
    @Setting(value = "65534", min = 0, max = 4_294_967_294L) long anonGid,
    @Setting(value = "sys, none", min = 1, max = 64) String security) {

  /** Who is made the anonymous user. */
  public enum Squash {
    /** User and group 0. */
    ROOT,
    /** Everybody. */
    ALL,
    /** Nobody: root of a client is root here. */
    NONE
  }

  /** The hosts, one by one. */
  public List<String> hostList() {
    return words(hosts);
  }

  /** The security flavors, one by one, in lower case. */
  public List<String> securityList() {
    return words(security.toLowerCase(Locale.ROOT));
  }

  private static List<String> words(String text) {
    return List.of(text.strip().split("[,\\s]+"));
  }
}
