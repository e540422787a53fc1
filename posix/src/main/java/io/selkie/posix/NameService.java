package io.selkie.posix;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * Users and groups of this machine, from wherever it has them: files, LDAP, …. Calls may block for
 * as long as a directory server takes to answer, so they belong on threads of their own. Safe for
 * use by several threads.
 */
public interface NameService {

  /**
   * It could not be asked, which says nothing about whether the user or group exists.
   *
   * <p>Checked, because what to do then is the caller's to decide.
   */
  final class UnavailableException extends Exception {
    private static final long serialVersionUID = 1;

    /** With the function and what it answered. */
    public UnavailableException(String message) {
      super(message);
    }
  }

  /** {@code getpwnam_r(3)}. */
  OptionalInt userNamed(String name) throws UnavailableException;

  /** {@code getgrnam_r(3)}. */
  OptionalInt groupNamed(String name) throws UnavailableException;

  /** {@code getpwuid_r(3)}. */
  Optional<String> nameOfUser(int uid) throws UnavailableException;

  /** {@code getgrgid_r(3)}. */
  Optional<String> nameOfGroup(int gid) throws UnavailableException;

  /**
   * {@code getgrouplist(3)}: all groups of a user, its primary one first; empty when there is no
   * such user.
   */
  Optional<int[]> groupsOf(int uid) throws UnavailableException;
}
