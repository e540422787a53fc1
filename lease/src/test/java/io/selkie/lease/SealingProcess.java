package io.selkie.lease;

import io.selkie.lease.Sealer.Purpose;
import java.nio.file.Path;

/** Seals a file and waits to be killed. */
final class SealingProcess {
  private SealingProcess() {}

  public static void main(String[] arguments) throws Exception {
    var rig = new RealRig();
    RealRig.deleteAll(rig.directory);
    var sealed = rig.sealed(rig.open(Path.of(arguments[0]), true), Purpose.READ_WRITE);
    sealed.seal().addHandle(sealed.map());
    System.out.println("sealed");
    while (System.in.read() >= 0) {
      // Until it is killed.
    }
  }
}
