package io.selkie.rdma.verbs;

import io.selkie.rdma.DisconnectCause;
import io.selkie.rdma.WorkStatus;

/** What the numbers of {@code enum ibv_wc_status} mean to us. */
final class WorkCompletions {

  static final int SUCCESS = 0;
  static final int OPERATION_ERROR = 2;
  static final int FLUSHED = 5;
  static final int GENERAL_ERROR = 21;

  private static final String[] NAMES = {
    "success",
    "local length error",
    "local queue pair operation error",
    "local end-to-end context error",
    "local protection error",
    "flushed",
    "memory window bind error",
    "bad response",
    "local access error",
    "remote invalid request",
    "remote access error",
    "remote operation error",
    "the peer does not answer (retries exceeded)",
    "the peer takes no messages (retries exceeded)"
  };

  private WorkCompletions() {}

  /** What failed, in words. */
  static String words(int status) {
    return status >= 0 && status < NAMES.length ? NAMES[status] : "completion status " + status;
  }

  /** The status of a request that failed first; not for success and flushes. */
  static WorkStatus failure(int status) {
    return switch (status) {
      case 4, 8 -> WorkStatus.LOCAL_PROTECTION_ERROR;
      case 10 -> WorkStatus.REMOTE_ACCESS_ERROR;
      case 12, 13 -> WorkStatus.CONNECTION_LOST;
      default -> WorkStatus.PROTOCOL_ERROR;
    };
  }

  /** Why the queue pair ends when a request failed so. */
  static DisconnectCause.Kind kind(int status) {
    return switch (status) {
      case 1, 2, 3, 4, 6, 8 -> DisconnectCause.Kind.LOCAL_ERROR;
      case 12, 13 -> DisconnectCause.Kind.TRANSPORT_FAILURE;
      default -> DisconnectCause.Kind.REMOTE_ERROR;
    };
  }
}
