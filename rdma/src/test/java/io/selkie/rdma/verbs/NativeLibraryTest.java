package io.selkie.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.rdma.RdmaException;
import java.lang.foreign.SymbolLookup;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: the library is whole where it was built, and elsewhere says why it was not. */
@Timeout(300)
class NativeLibraryTest {

  @Test
  void isLoadedOrSaysWhyNot() {
    Optional<String> trouble = NativeLibrary.trouble();
    assertThat(NativeLibrary.trouble()).isSameAs(trouble);
    trouble.ifPresent(why ->
        assertThat(why)
            .matches(
                "(not built, because (there was no|it could not be compiled:) .*|its native library"
                    + " cannot be .*: .*)"));
  }

  @Test
  void hasAFunctionForEveryNativeMethod() throws Exception {
    Class<?> dispatcher =
        Class.forName(
            "com.ibm.disni.verbs.impl.NativeDispatcher", false, getClass().getClassLoader());
    boolean loaded = NativeLibrary.trouble().isEmpty();
    SymbolLookup symbols = SymbolLookup.loaderLookup();
    String[] missing =
        Stream.concat(
                Arrays.stream(dispatcher.getDeclaredMethods()),
                Arrays.stream(NativeVerbs.class.getDeclaredMethods()))
            .filter(method -> Modifier.isNative(method.getModifiers()))
            .map(NativeLibraryTest::function)
            .filter(name -> symbols.find(name).isPresent() != loaded)
            .toArray(String[]::new);
    assertThat(missing).isEmpty();
  }

  private static String function(Method method) {
    return "Java_%s_%s"
        .formatted(
            method.getDeclaringClass().getName().replace('.', '_'),
            method.getName().replace("_", "_1"));
  }

  @Test
  void providerSaysWhyItCannotBeHad() throws Exception {
    // An address for documents; no device of any machine has it.
    InetAddress nobodys = InetAddress.getByName("192.0.2.1");
    VerbsConfig config = VerbsConfig.DEFAULTS.withAddress(nobodys);
    assertThatThrownBy(() -> VerbsProvider.open(config))
        .isInstanceOfSatisfying(
            RdmaException.class, e -> assertThat(e.reason()).isEqualTo(RdmaException.Reason.SYSTEM))
        .hasMessageStartingWith("verbs: ");
    VerbsProvider.Availability availability = VerbsProvider.availability(config);
    assertThat(availability.available()).isFalse();
    assertThat(availability.reason()).isNotBlank().doesNotStartWith("verbs: ");
  }
}
