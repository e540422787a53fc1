package io.selkie.test.fire;

import io.selkie.posix.Kernel;
import io.selkie.rdma.MemoryRegion;
import io.selkie.test.support.ChildJvm;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A class path with a server whose fence is broken: four calls of its classes are led to {@link
 * LateFence} instead. The server itself needs no door for that.
 */
public final class BrokenFence {

  private static final int KEY_LIVES_ON_MILLIS = 1000;
  private static final ClassDesc LATE = desc(LateFence.class);

  private BrokenFence() {}

  /** The class path of this process, and before it the changed classes, which are written. */
  public static String classPath(Path directory) throws IOException {
    return classPath(directory, KEY_LIVES_ON_MILLIS);
  }

  /** The same with keys that live on for so long. */
  public static String classPath(Path directory, int keyLivesOnMillis) throws IOException {
    Files.createDirectories(directory);
    Files.writeString(directory.resolve(LateFence.RESOURCE), Integer.toString(keyLivesOnMillis));
    lead(
        directory,
        "io.selkie.layout.rdma.RdmaLayoutType$Handle",
        MemoryRegion.class,
        "invalidate",
        MethodTypeDesc.of(desc(CompletionStage.class), desc(MemoryRegion.class)));
    lead(
        directory,
        "io.selkie.layout.rdma.RdmaLayoutType$Handle",
        MemoryRegion.class,
        "invalidateHere",
        MethodTypeDesc.of(desc(CompletionStage.class), desc(MemoryRegion.class)));
    lead(
        directory,
        "io.selkie.lease.FileMapping",
        Kernel.class,
        "munmap",
        MethodTypeDesc.of(
            ConstantDescs.CD_int,
            desc(Kernel.class),
            ConstantDescs.CD_long,
            ConstantDescs.CD_long));
    lead(
        directory,
        "io.selkie.lease.FileMapping",
        Arena.class,
        "close",
        MethodTypeDesc.of(ConstantDescs.CD_void, desc(Arena.class)));
    return directory + File.pathSeparator + ChildJvm.classPath();
  }

  private static void lead(
      Path directory, String name, Class<?> owner, String method, MethodTypeDesc to)
      throws IOException {
    String file = name.replace('.', '/') + ".class";
    Path changed = directory.resolve(file);
    byte[] before = Files.exists(changed) ? Files.readAllBytes(changed) : original(file);
    AtomicInteger led = new AtomicInteger();
    ClassFile classFile = ClassFile.of();
    byte[] after =
        classFile.transformClass(
            classFile.parse(before),
            ClassTransform.transformingMethodBodies((code, element) -> {
              if (element instanceof InvokeInstruction call
                  && call.owner().asSymbol().equals(desc(owner))
                  && call.name().equalsString(method)) {
                led.incrementAndGet();
                code.invokestatic(LATE, method, to);
              } else {
                code.with(element);
              }
            }));
    if (led.get() == 0) {
      throw new IllegalStateException(name + " does not call " + method + " any more");
    }
    Files.createDirectories(changed.getParent());
    Files.write(changed, after);
  }

  private static byte[] original(String file) throws IOException {
    try (InputStream in = BrokenFence.class.getClassLoader().getResourceAsStream(file)) {
      if (in == null) {
        throw new IOException("no " + file);
      }
      return in.readAllBytes();
    }
  }

  private static ClassDesc desc(Class<?> type) {
    return type.describeConstable().orElseThrow();
  }
}
