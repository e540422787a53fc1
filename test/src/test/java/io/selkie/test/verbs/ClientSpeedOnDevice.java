package io.selkie.test.verbs;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.rdma.verbs.Ratio;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a client that reads a file over an RDMA device stays in the neighbourhood of programs in C
 * that read memory, and allocates nothing for a read.
 *
 * <p>Method: {@link ClientSpeed}, with few rounds and bounds about twice what is asked for, because
 * this machine is emulated, has others beside it and no optimising compiler. A bound that is missed
 * is tried again. {@code test/vm/verbs/bench} measures for the record. Not a test by its name.
 */
@Timeout(600)
class ClientSpeedOnDevice {

  private static final int ROUNDS = 5;

  private ClientSpeed speed;

  @BeforeEach
  void open() throws Exception {
    speed = new ClientSpeed();
  }

  @AfterEach
  void close() throws Exception {
    assertThat(speed.registrations()).isPositive();
    assertThat(speed.nfsReads()).isZero();
    speed.close();
  }

  @Test
  void smallReadTakesNotMuchLongerThanThatOfAProgramInC() throws Exception {
    double ratio = Ratio.least(3, () -> speed.smallReads(ROUNDS, 500));
    assertThat(ratio).isLessThan(3);
  }

  @Test
  void largeReadsAreNotMuchSlowerThanThoseOfAProgramInC() throws Exception {
    double ratio = Ratio.most(0.4, () -> speed.largeReads(ROUNDS, 20));
    assertThat(ratio).isGreaterThan(0.4);
  }

  @Test
  void readsAllocateNothing() throws Exception {
    assertThat(speed.bytesEach(1000)).isLessThan(1.6);
  }
}
