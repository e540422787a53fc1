package io.selkie.test.fire;

import java.net.InetAddress;

/**
 * Regions of {@code verbs} under fire, on the RDMA device of the address in system property {@code
 * selkie.verbs.address}. Not a test by its name: it needs a device. {@link VerbsFireTest} runs it
 * in a virtual machine.
 */
class VerbsRegionFire extends RegionFireContract {

  VerbsRegionFire() {
    super("verbs", 20, 2);
  }

  @Override
  InetAddress address() throws Exception {
    return InetAddress.getByName(System.getProperty("selkie.verbs.address"));
  }
}
