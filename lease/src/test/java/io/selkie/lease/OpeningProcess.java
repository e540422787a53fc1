package io.selkie.lease;

import io.selkie.config.time.NanoClock;
import io.selkie.posix.Kernel;
import io.selkie.posix.LinuxKernel;
import io.selkie.posix.Names;
import io.selkie.posix.OpenFlags;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** Opens a file for each line of input and says when it began to and when it was through. */
final class OpeningProcess {
  private OpeningProcess() {}

  public static void main(String[] arguments) throws Exception {
    var kernel = new LinuxKernel();
    NanoClock clock = NanoClock.system();
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    byte[] path = Names.bytes(arguments[0]);
    kernel.close(open(kernel, Names.bytes("/dev/null")));
    System.out.println("ready");
    while (in.readLine() != null) {
      long begun = clock.nanoTime();
      int fd = open(kernel, path);
      long through = clock.nanoTime();
      kernel.close(fd);
      System.out.println(begun + " " + through);
    }
  }

  private static int open(Kernel kernel, byte[] path) {
    return kernel.openat2(Kernel.AT_FDCWD, path, OpenFlags.RDONLY | OpenFlags.CLOEXEC, 0, 0);
  }
}
