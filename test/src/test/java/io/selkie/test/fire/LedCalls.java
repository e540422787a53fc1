package io.selkie.test.fire;

import io.selkie.test.support.ChildJvm;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A class path on which calls of some compiled classes are led to methods of a test: a server does
 * what no server should without having a door for it. One thread.
 */
final class LedCalls {

  private final Path directory;

  /** None yet; what is changed is written there. */
  LedCalls(Path directory) throws IOException {
    this.directory = Files.createDirectories(directory);
  }

  /** A resource of that class path. */
  void resource(String name, String content) throws IOException {
    Files.writeString(directory.resolve(name), content);
  }

  /**
   * Leads each call of a method to a static one of the same name.
   *
   * @param name of the class that calls it, as the machine has it
   * @param owner of the method that is called
   * @param instead has the static one
   * @param type of the static one: it takes the object too, if there is one
   * @throws IllegalStateException if there is no such call
   */
  void lead(String name, ClassDesc owner, String method, Class<?> instead, MethodTypeDesc type)
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
                  && call.owner().asSymbol().equals(owner)
                  && call.name().equalsString(method)) {
                led.incrementAndGet();
                code.invokestatic(desc(instead), method, type);
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

  /** The changed classes, and behind them those of this process. */
  String classPath() {
    return directory + File.pathSeparator + ChildJvm.classPath();
  }

  private static byte[] original(String file) throws IOException {
    try (InputStream in = LedCalls.class.getClassLoader().getResourceAsStream(file)) {
      if (in == null) {
        throw new IOException("no " + file);
      }
      return in.readAllBytes();
    }
  }

  static ClassDesc desc(Class<?> type) {
    return type.describeConstable().orElseThrow();
  }
}
