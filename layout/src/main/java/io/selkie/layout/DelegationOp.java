package io.selkie.layout;

import io.selkie.layout.DelegationArbiter.DelegationRequest;
import io.selkie.layout.DelegationArbiter.DelegationResult;
import io.selkie.lease.Seal;

/** A wish for a delegation on its way. Guarded by its file's lock but for the final fields. */
final class DelegationOp {
  final DelegationRequest request;

  /** The seal to use; null when one must be made. Written before the worker starts. */
  Seal seal;

  /** Why it must not be given although it is being worked on; null when it may. */
  String doom;

  /** The change attribute at the time of the grant; of no meaning for a read delegation. */
  long change;

  /** What went so wrong that who asked must hear of it, after the file did; null when nothing. */
  Error error;

  /** Written when it is decided. */
  DelegationResult answer;

  DelegationOp(DelegationRequest request) {
    this.request = request;
  }

  long clientId() {
    return request.clientId();
  }

  DelegationType type() {
    return request.type();
  }

  void doom(String reason) {
    if (doom == null) {
      doom = reason;
    }
  }
}
