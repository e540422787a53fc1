package io.selkie.test.simulation;

import static io.selkie.test.simulation.SimInode.BLOCK;
import static io.selkie.test.simulation.SimInode.BLOCKS_MAX;
import static io.selkie.test.simulation.SimWorld.MILLI;
import static io.selkie.test.simulation.SimWorld.SECOND;

import io.selkie.layout.DelegationPolicy;
import io.selkie.layout.LayoutPolicy;

/** The bounds of a run: tight, so that they are met. */
final class SimPolicy {

  static final DelegationPolicy DELEGATIONS =
      new DelegationPolicy(true, 60, 40, SECOND, SECOND / 2);

  private SimPolicy() {}

  static LayoutPolicy layouts() {
    return new LayoutPolicy(
        Simulation.RECALL_TIMEOUT,
        Simulation.FENCE_BUDGET,
        3 * SECOND,
        50 * MILLI,
        SECOND,
        SECOND,
        300,
        80,
        100,
        100,
        100,
        16,
        16,
        3,
        200,
        (long) BLOCK * BLOCKS_MAX,
        BLOCK * 4L,
        BLOCK,
        32,
        256,
        true);
  }
}
