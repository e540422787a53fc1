package io.selkie.rdma.iwarp;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counters of one provider, passive and active side together. They only grow, except the two that
 * say what is live. Safe for use by several threads; reading one never disturbs a data path.
 */
public final class IwarpStatistics {

  /** What is counted. */
  public enum Counter {
    /** Payload octets of RDMA WRITEs placed here. */
    WRITE_BYTES_IN,
    /** Payload octets of RDMA WRITEs sent. */
    WRITE_BYTES_OUT,
    /** RDMA WRITE messages placed here. */
    WRITES_IN,
    /** RDMA WRITE messages sent. */
    WRITES_OUT,
    /** Octets that came back for our RDMA READs. */
    READ_BYTES_IN,
    /** Octets sent for RDMA READs of peers. */
    READ_BYTES_OUT,
    /** RDMA READ requests of peers. */
    READS_IN,
    /** RDMA READ requests sent. */
    READS_OUT,
    /** Octets of Sends received. */
    SEND_BYTES_IN,
    /** Octets of Sends sent. */
    SEND_BYTES_OUT,
    /** Sends received. */
    SENDS_IN,
    /** Sends sent. */
    SENDS_OUT,
    /** Connections accepted from a listening socket. */
    CONNECTIONS,
    /** Connections refused by the acceptor. */
    REFUSED,
    /** Connections closed because the bound on them was reached. */
    OVER_LIMIT,
    /** Connections closed in set-up: bad MPA frames, time-outs. */
    HANDSHAKE_FAILURES,
    /** Queue pairs that are up. */
    LIVE_QUEUE_PAIRS,
    /** Registered octets. */
    REGISTERED_BYTES,
    /** Registrations. */
    LIVE_REGIONS,
    /** Faults met while touching a region: the file behind a mapping was cut. */
    MEMORY_FAULTS
  }

  private final LongAdder[] counters = new LongAdder[Counter.values().length];
  private final LongAdder[] terminatesSent = new LongAdder[TerminateCode.values().length];
  private final LongAdder[] terminatesReceived = new LongAdder[TerminateCode.values().length + 1];

  IwarpStatistics() {
    fill(counters);
    fill(terminatesSent);
    fill(terminatesReceived);
  }

  private static void fill(LongAdder[] adders) {
    for (int i = 0; i < adders.length; i++) {
      adders[i] = new LongAdder();
    }
  }

  /** The present value of a counter. */
  public long get(Counter counter) {
    return counters[counter.ordinal()].sum();
  }

  /** All of them at about one moment. */
  public Map<Counter, Long> snapshot() {
    Map<Counter, Long> all = new EnumMap<>(Counter.class);
    for (Counter counter : Counter.values()) {
      all.put(counter, get(counter));
    }
    return all;
  }

  /** Terminate messages sent, by the name of their error; those never sent are left out. */
  public Map<String, Long> terminatesSent() {
    return named(terminatesSent);
  }

  /** Terminate messages received, by the name of their error; those never seen are left out. */
  public Map<String, Long> terminatesReceived() {
    return named(terminatesReceived);
  }

  private static Map<String, Long> named(LongAdder[] adders) {
    Map<String, Long> all = new java.util.TreeMap<>();
    TerminateCode[] codes = TerminateCode.values();
    for (int i = 0; i < adders.length; i++) {
      long sum = adders[i].sum();
      if (sum > 0) {
        all.put(i < codes.length ? codes[i].name() : "UNKNOWN", sum);
      }
    }
    return all;
  }

  void add(Counter counter, long amount) {
    counters[counter.ordinal()].add(amount);
  }

  void terminateSent(TerminateCode code) {
    terminatesSent[code.ordinal()].increment();
  }

  /**
   * @param code null when it is none we know
   */
  void terminateReceived(TerminateCode code) {
    terminatesReceived[code == null ? terminatesReceived.length - 1 : code.ordinal()].increment();
  }
}
