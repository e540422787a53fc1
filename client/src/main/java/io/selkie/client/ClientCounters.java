package io.selkie.client;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * What a client has done. Counting allocates nothing and takes no lock; reading gives sums that are
 * exact once the operations counted have returned.
 */
public final class ClientCounters {

  /** One number. */
  public enum Counter {
    /** Read calls served one-sided. */
    DIRECT_READS("direct_reads_total", "read calls served one-sided"),
    /** Bytes read one-sided, holes included. */
    DIRECT_READ_BYTES("direct_read_bytes_total", "bytes read one-sided"),
    /** Write calls served one-sided. */
    DIRECT_WRITES("direct_writes_total", "write calls served one-sided"),
    /** Bytes written one-sided. */
    DIRECT_WRITE_BYTES("direct_written_bytes_total", "bytes written one-sided"),
    /** NFS READ operations. */
    NFS_READS("nfs_reads_total", "NFS READ operations"),
    /** Bytes that NFS READ brought. */
    NFS_READ_BYTES("nfs_read_bytes_total", "bytes read through NFS READ"),
    /** NFS WRITE operations, resent ones included. */
    NFS_WRITES("nfs_writes_total", "NFS WRITE operations"),
    /** Bytes that NFS WRITE carried, resent ones included. */
    NFS_WRITE_BYTES("nfs_written_bytes_total", "bytes written through NFS WRITE"),
    /** Unstable writes sent again because the server's write verifier changed. */
    NFS_RESENDS("nfs_resent_writes_total", "writes sent again after a verifier change"),
    /** Layouts granted. */
    LAYOUTS_GRANTED("layouts_granted_total", "layouts granted"),
    /** Layouts returned, for whatever cause. */
    LAYOUTS_RETURNED("layouts_returned_total", "layouts returned"),
    /** LAYOUTCOMMIT operations that succeeded. */
    LAYOUT_COMMITS("layout_commits_total", "layout commits"),
    /** Syncs made durable by RDMA FLUSH, without a word to the server. */
    FLUSHED_SYNCS("flushed_syncs_total", "syncs by RDMA FLUSH instead of a layout commit"),
    /** RDMA FLUSH requests that a device refused; it is not asked again. */
    FLUSHES_REFUSED("flushes_refused_total", "RDMA FLUSH requests that were refused"),
    /** Recalls received. */
    RECALLS("recalls_total", "recalls received"),
    /** Recalls of something not held. */
    RECALLS_NOT_MATCHING("recalls_not_matching_total", "recalls of layouts not held"),
    /** Layouts that the server revoked. */
    FENCES("fences_total", "layouts revoked by the server"),
    /** Queue pairs connected. */
    QUEUE_PAIRS("queue_pairs_total", "queue pairs connected"),
    /** TCP connections made again. */
    RECONNECTS("reconnects_total", "connections made again"),
    /** Sessions made again. */
    SESSIONS_RECREATED("sessions_recreated_total", "sessions created again"),
    /** Client ids lost, with all state. */
    STATE_LOSSES("state_losses_total", "client ids lost with all state"),
    /** Waits because the server said DELAY, GRACE or the like. */
    BACK_OFFS("back_offs_total", "waits because the server asked for patience");

    private final String id;
    private final String doc;

    Counter(String id, String doc) {
      this.id = id;
      this.doc = doc;
    }

    /** Stable name for programs. */
    public String id() {
      return id;
    }

    /** One line for a person. */
    public String doc() {
      return doc;
    }
  }

  private final Map<Counter, LongAdder> counters = adders(Counter.class);
  private final Map<FallbackReason, LongAdder> fallbacks = adders(FallbackReason.class);

  /** All zero. */
  public ClientCounters() {}

  private static <E extends Enum<E>> Map<E, LongAdder> adders(Class<E> names) {
    Map<E, LongAdder> adders = new EnumMap<>(names);
    for (E name : names.getEnumConstants()) {
      adders.put(name, new LongAdder());
    }
    return adders;
  }

  /** Adds one. */
  public void increment(Counter counter) {
    counters.get(counter).increment();
  }

  /** Adds {@code amount}. */
  public void add(Counter counter, long amount) {
    counters.get(counter).add(amount);
  }

  /** Counts a read or write call that did not go one-sided. */
  public void fallback(FallbackReason reason) {
    fallbacks.get(reason).increment();
  }

  /** The value now. */
  public long get(Counter counter) {
    return counters.get(counter).sum();
  }

  /** Read and write calls that did not go one-sided for this reason. */
  public long fallbacks(FallbackReason reason) {
    return fallbacks.get(reason).sum();
  }

  /** Bytes that went one-sided, both directions. */
  public long directBytes() {
    return get(Counter.DIRECT_READ_BYTES) + get(Counter.DIRECT_WRITE_BYTES);
  }

  /** Bytes that went through NFS READ and WRITE, both directions. */
  public long nfsBytes() {
    return get(Counter.NFS_READ_BYTES) + get(Counter.NFS_WRITE_BYTES);
  }

  /** The reasons that occurred, with their counts. */
  public Map<FallbackReason, Long> fallbacks() {
    Map<FallbackReason, Long> seen = new EnumMap<>(FallbackReason.class);
    for (FallbackReason reason : FallbackReason.values()) {
      long count = fallbacks(reason);
      if (count > 0) {
        seen.put(reason, count);
      }
    }
    return seen;
  }

  /** All numbers by their stable names, for JSON and tables. */
  public Map<String, Long> snapshot() {
    Map<String, Long> all = new LinkedHashMap<>();
    for (Counter counter : Counter.values()) {
      all.put(counter.id(), get(counter));
    }
    return all;
  }
}
