package io.selkie.lease.doctor;

/**
 * One thing found out.
 *
 * @param subject what was looked at
 * @param state how it is
 * @param reason one clause: how it is known, or why not
 * @param advice what to do about it; empty when there is nothing to do
 */
public record Finding(Subject subject, State state, String reason, String advice) {

  /** How something is. */
  public enum State {
    /** It works. */
    YES,
    /** It works in part; the reason says in which. */
    LIMITED,
    /** It does not work. */
    NO,
    /** It could not be found out. */
    UNKNOWN
  }

  /** What is looked at, in the order of the report. */
  public enum Subject {
    /** The path, and the file system it is on. */
    FILE_SYSTEM("file system"),
    /** Whether it can be written to. */
    WRITABLE("writable"),
    /** FIEMAP. */
    BLOCK_MAP("block map"),
    /** fallocate. */
    ALLOCATION("allocation ahead"),
    /** Whether the mapping is the storage. */
    DAX("DAX"),
    /** Whether stores need no system call to be durable. */
    MAP_SYNC("MAP_SYNC"),
    /** Cache-line write-back of this processor and JVM. */
    CACHE_LINES("cache-line write-back"),
    /** Whether files can share blocks. */
    REFLINK("reflink"),
    /** Kernel leases. */
    LEASES("leases"),
    /** The deadline rule. */
    LEASE_BREAK_TIME("lease-break-time"),
    /** Whose files can be sealed. */
    CAP_LEASE("leases on files of others"),
    /** Whether file handles outlive renames and restarts by themselves. */
    CAP_DAC_READ_SEARCH("lasting file handles"),
    /** Whether disks can be given any command. */
    CAP_SYS_RAWIO("commands to disks"),
    /** Persistent reservations, for SCSI layouts. */
    RESERVATIONS("reservations of the disk"),
    /** RLIMIT_MEMLOCK. */
    MEMLOCK("locked memory"),
    /** RLIMIT_NOFILE. */
    OPEN_FILES("open files"),
    /** vm.max_map_count. */
    MAPPINGS("mappings"),
    /** RDMA devices of the kernel. */
    RDMA_DEVICES("RDMA devices");

    private final String label;

    Subject(String label) {
      this.label = label;
    }

    /** For people. */
    public String label() {
      return label;
    }
  }
}
