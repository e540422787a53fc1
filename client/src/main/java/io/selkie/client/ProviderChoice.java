package io.selkie.client;

/** Who does a client's one-sided access. */
public enum ProviderChoice {
  /** Software iWARP over TCP, to servers' devices that speak iWARP. */
  IWARP,
  /** The RDMA device of this machine, to servers' devices that speak as it does. */
  VERBS,
  /**
   * What the server's device asks for: software for iWARP, the RDMA device of this machine for
   * everything else, opened when it is first needed.
   */
  AUTO
}
