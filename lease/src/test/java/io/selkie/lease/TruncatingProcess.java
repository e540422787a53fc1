package io.selkie.lease;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Calls truncate(2) on a path; truncate(1) opens the file instead, and does not wait for it. */
final class TruncatingProcess {
  private TruncatingProcess() {}

  @SuppressWarnings("restricted")
  public static void main(String[] arguments) throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle truncate =
        linker.downcallHandle(
            linker.defaultLookup().find("truncate").orElseThrow(),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
    try (Arena arena = Arena.ofConfined()) {
      int result =
          (int)
              truncate.invokeExact(arena.allocateFrom(arguments[0]), Long.parseLong(arguments[1]));
      System.exit(result == 0 ? 0 : 1);
    }
  }
}
