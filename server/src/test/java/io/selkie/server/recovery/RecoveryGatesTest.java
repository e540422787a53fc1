package io.selkie.server.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.protocol.nfs4.NfsOp4;
import io.selkie.server.compound.CompoundContext;
import io.selkie.server.compound.Operation;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Goal: who stands before an operation says all that the operation says of itself. */
class RecoveryGatesTest {

  @Test
  void removalBehindItsGateWaitsForTheDiskInItsLane() {
    Operation remove =
        new Operation() {
          @Override
          public int opcode() {
            return NfsOp4.OP_REMOVE;
          }

          @Override
          public boolean waitsForDisk(ByteBuffer request, int at) {
            return true;
          }

          @Override
          public int execute(CompoundContext c) {
            return 0;
          }
        };
    Operation gate = RecoveryGates.around(List.of(remove), null).getFirst();
    assertThat(gate).isNotSameAs(remove);
    assertThat(gate.waitsForDisk(null, 0)).isTrue();
  }
}
