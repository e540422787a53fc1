package io.selkie.test.structure;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Goal: the module graph of the design is the one in the code. */
class LayersTest {

  /** What a module may import of the others; the table of the design. */
  private static final Map<String, Set<String>> MAY_IMPORT =
      Map.of(
          "config", Set.of(),
          "posix", Set.of(),
          "lease", Set.of("config", "posix"),
          "rdma", Set.of("config", "posix"),
          "protocol", Set.of(),
          "layout", Set.of("config", "lease", "rdma", "protocol"),
          "server", Set.of("config", "posix", "lease", "rdma", "protocol", "layout"),
          "client", Set.of("protocol", "rdma", "config"),
          "test",
              Set.of("config", "posix", "lease", "rdma", "protocol", "layout", "server", "client"));

  private static final List<String> MODULES = SourceTree.MODULES;

  private static final String[] NETTY = {"io.netty.."};
  private static final String[] DISNI = {"com.ibm.disni.."};
  private static final String[] SOCKETS = {"java.net..", "javax.net..", "sun.nio.ch.."};
  private static final String[] JNR = {"jnr..", "com.kenai.."};

  private static final JavaClasses PROGRAM = ProgramClasses.PROGRAM;

  @Test
  void tableNamesEveryModule() {
    assertThat(MAY_IMPORT.keySet()).containsExactlyInAnyOrderElementsOf(MODULES);
  }

  @ParameterizedTest
  @FieldSource("MODULES")
  void moduleImportsOnlyWhatTheDesignAllows(String module) {
    assertThat(MAY_IMPORT).containsKey(module);
    String[] forbidden =
        MODULES.stream()
            .filter(other -> !other.equals(module) && !MAY_IMPORT.get(module).contains(other))
            .map(LayersTest::packagesOf)
            .toArray(String[]::new);
    if (forbidden.length > 0) {
      assertNoImports(forbidden, module);
    }
  }

  @Test
  void leaseLayoutAndProtocolKnowNoNetty() {
    assertNoImports(NETTY, "lease", "layout", "protocol", "posix", "config");
  }

  @Test
  void onlyRdmaKnowsDisni() {
    assertNoImports(
        DISNI, "config", "posix", "lease", "protocol", "layout", "server", "client", "test");
  }

  @Test
  void leaseLayoutAndProtocolKnowNoSockets() {
    assertNoImports(SOCKETS, "lease", "layout", "protocol");
    noClasses()
        .that()
        .resideInAnyPackage(packagesOf("lease"), packagesOf("layout"), packagesOf("protocol"))
        .should()
        .dependOnClassesThat()
        .haveNameMatching("java\\.nio\\.channels\\..*(Socket|Datagram|Network).*")
        .allowEmptyShould(true)
        .check(PROGRAM);
  }

  @Test
  void onlyPosixCallsTheKernel() {
    assertNoImports(
        JNR, "config", "lease", "rdma", "protocol", "layout", "server", "client", "test");
  }

  private static void assertNoImports(String[] forbidden, String... modules) {
    String[] packages =
        List.of(modules).stream().map(LayersTest::packagesOf).toArray(String[]::new);
    noClasses()
        .that()
        .resideInAnyPackage(packages)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(forbidden)
        .allowEmptyShould(true)
        .check(PROGRAM);
  }

  private static String packagesOf(String module) {
    return "io.selkie." + module + "..";
  }
}
