package io.selkie.test.fire;

import java.net.InetAddress;
import org.junit.jupiter.api.Tag;

/** Regions of {@code iwarp} under fire. */
@Tag("slow")
class IwarpRegionFireTest extends RegionFireContract {

  IwarpRegionFireTest() {
    super("iwarp", 10, 2);
  }

  @Override
  InetAddress address() {
    return InetAddress.getLoopbackAddress();
  }
}
