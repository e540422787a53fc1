package io.selkie.server.state;

import io.selkie.lease.FileIdentity;

/**
 * Clients whose lease is over keep their opens and locks as long as nobody minds (RFC 8881 section
 * 8.4.3); this is where somebody does. Asked when an operation has met a conflict, or a limit, and
 * before it is refused. Safe for use by several threads; answers at once.
 */
public interface Courtesy {

  /** There are no such clients. */
  Courtesy NONE =
      new Courtesy() {
        @Override
        public boolean giveWay(FileIdentity file) {
          return false;
        }

        @Override
        public boolean makeRoom() {
          return false;
        }
      };

  /**
   * Ends those whose lease is over and who have the file open.
   *
   * @return whether there were any: what they hold goes as soon as the disk knows that they cannot
   *     reclaim it, and the caller answers NFS4ERR_DELAY
   */
  boolean giveWay(FileIdentity file);

  /** Ends the one whose lease is over longest, because something is used up; as above. */
  boolean makeRoom();
}
