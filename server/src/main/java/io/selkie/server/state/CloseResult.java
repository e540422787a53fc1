package io.selkie.server.state;

/**
 * What {@link OpenTable#close} answered.
 *
 * @param status an NFS status
 * @param state what was closed; null unless the status is NFS4_OK
 * @param lastOfClient whether the client has no other open of the file
 */
public record CloseResult(int status, OpenState state, boolean lastOfClient) {
  static CloseResult refused(int status) {
    return new CloseResult(status, null, false);
  }
}
