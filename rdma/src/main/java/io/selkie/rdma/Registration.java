package io.selkie.rdma;

/** How a device comes to the memory that is registered with it. */
public enum Registration {
  /** The pages are there and stay where they are for as long as the region lives (pinned). */
  PLAIN("plain"),
  /**
   * The device follows the page table and faults pages in when it needs them ({@code
   * IBV_ACCESS_ON_DEMAND}): the only way to memory that the kernel does not let be pinned, which
   * file-system DAX is.
   */
  ON_DEMAND("on demand");

  private final String label;

  Registration(String label) {
    this.label = label;
  }

  /** For people. */
  public String label() {
    return label;
  }
}
