package io.selkie.server.compound;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Goal: what stands before an operation says all that the operation says of itself. */
class AroundTest {

  private static List<String> asked() {
    return Arrays.stream(Operation.class.getMethods())
        .filter(method -> !Modifier.isStatic(method.getModifiers()))
        .map(Method::getName)
        .filter(name -> !name.equals("execute"))
        .toList();
  }

  @Test
  void answersNothingForItself() {
    assertThat(asked()).contains("waitsForDisk", "givesBack", "closes", "followsGivingBack");
    for (String name : asked()) {
      assertThat(
              Arrays.stream(Around.class.getDeclaredMethods())
                  .filter(method -> method.getName().equals(name))
                  .map(Method::getModifiers))
          .as(name)
          .isNotEmpty()
          .allMatch(Modifier::isFinal);
    }
  }

  @Test
  void whoeverKeepsAnOperationIsOne() throws Exception {
    List<Class<?>> wrappers =
        classes()
            .filter(type -> Operation.class.isAssignableFrom(type) && type != Around.class)
            .filter(AroundTest::keepsAnOperation)
            .toList();
    assertThat(wrappers)
        .extracting(Class::getSimpleName)
        .contains("Patient", "BackChannelWatch", "RecordFirst", "AfterGrace");
    assertThat(wrappers).allMatch(Around.class::isAssignableFrom);
  }

  /** In a field, its own or inherited. */
  private static boolean keepsAnOperation(Class<?> type) {
    return Stream.<Class<?>>iterate(type, up -> up != null, Class::getSuperclass)
        .flatMap(up -> Arrays.stream(up.getDeclaredFields()))
        .anyMatch(field ->
            !Modifier.isStatic(field.getModifiers())
                && Operation.class.isAssignableFrom(field.getType()));
  }

  /** All of the server's. */
  private static Stream<Class<?>> classes() throws Exception {
    Path root =
        Path.of(Operation.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    assertThat(root).isDirectory();
    try (Stream<Path> files = Files.walk(root)) {
      return files
          .map(file -> root.relativize(file).toString())
          .filter(name -> name.startsWith("io") && name.endsWith(".class"))
          .filter(name -> !name.endsWith("-info.class"))
          .map(name -> name.substring(0, name.length() - ".class".length()).replace('/', '.'))
          .<Class<?>>map(AroundTest::load)
          .toList()
          .stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(name, false, Operation.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new AssertionError(e);
    }
  }
}
