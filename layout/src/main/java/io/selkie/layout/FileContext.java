package io.selkie.layout;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/** What every file's state machine shares. */
record FileContext(
    AtomicReference<LayoutPolicy> currentPolicy,
    DelegationPolicy delegations,
    Ledger ledger,
    ClientFiles clients,
    AtomicLong lastRecallId,
    AtomicBoolean stopping) {

  LayoutPolicy policy() {
    return currentPolicy.get();
  }

  long nextRecallId() {
    return lastRecallId.incrementAndGet();
  }
}
