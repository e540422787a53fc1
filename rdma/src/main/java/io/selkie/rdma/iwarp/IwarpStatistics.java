package io.selkie.rdma.iwarp;

import java.util.EnumMap;
import java.util.Map;
import java.util.TreeMap;
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

  private final Map<Counter, LongAdder> counters = new EnumMap<>(Counter.class);
  private final Map<TerminateCode, LongAdder> terminatesSent = new EnumMap<>(TerminateCode.class);
  private final Map<TerminateCode, LongAdder> terminatesReceived =
      new EnumMap<>(TerminateCode.class);
  private final LongAdder unknownTerminates = new LongAdder();

  IwarpStatistics() {
    // Filled once and never changed after, so that reading them needs no lock.
    for (Counter counter : Counter.values()) {
      counters.put(counter, new LongAdder());
    }
    for (TerminateCode code : TerminateCode.values()) {
      terminatesSent.put(code, new LongAdder());
      terminatesReceived.put(code, new LongAdder());
    }
  }

  /** The present value of a counter. */
  public long get(Counter counter) {
    return counters.get(counter).sum();
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
    Map<String, Long> all = named(terminatesReceived);
    if (unknownTerminates.sum() > 0) {
      all.put("UNKNOWN", unknownTerminates.sum());
    }
    return all;
  }

  private static Map<String, Long> named(Map<TerminateCode, LongAdder> adders) {
    Map<String, Long> all = new TreeMap<>();
    adders.forEach((code, adder) -> {
      if (adder.sum() > 0) {
        all.put(code.name(), adder.sum());
      }
    });
    return all;
  }

  void add(Counter counter, long amount) {
    counters.get(counter).add(amount);
  }

  void terminateSent(TerminateCode code) {
    terminatesSent.get(code).increment();
  }

  /**
   * Counts one.
   *
   * @param code null when it is none we know
   */
  void terminateReceived(TerminateCode code) {
    (code == null ? unknownTerminates : terminatesReceived.get(code)).increment();
  }
}
