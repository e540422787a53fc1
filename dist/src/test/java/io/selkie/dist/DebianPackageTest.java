package io.selkie.dist;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: the package can be installed, started, used, updated and removed in a clean Debian.
 *
 * <p>Method: {@code dist/try-package} does it, in the root file system of the virtual machine; this
 * class runs it and shows what it says. systemd itself does not run there: what its unit starts is
 * started as it would, and a socket hears what systemd would hear. {@code dist/try-unit} has
 * systemd itself run the unit, over the root of this machine.
 */
@Tag("debian")
@Timeout(1800)
class DebianPackageTest {

  private static final Path ROOT = Path.of(System.getProperty("selkie.root"));
  private static final Path TARGET = ROOT.resolve("dist/target");
  private static final int PATIENCE_MINUTES = 25;

  private record Ended(int status, String said) {}

  private static Ended run(List<String> command) throws Exception {
    Path log = Files.createTempFile(TARGET, "said", ".log");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .start();
    try {
      assertThat(process.waitFor(PATIENCE_MINUTES, TimeUnit.MINUTES))
          .as("%s goes on and on: %s", command, text(log))
          .isTrue();
      return new Ended(process.exitValue(), text(log));
    } finally {
      process.destroyForcibly().waitFor();
      Files.delete(log);
    }
  }

  private static String text(Path file) throws IOException {
    return Files.readString(file, UTF_8);
  }

  private static boolean isRoot() throws IOException {
    return Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
  }

  @Test
  void packageIsInstalledStartedUsedUpdatedAndRemovedInACleanDebian() throws Exception {
    Path machine =
        Path.of(
            System.getenv().getOrDefault("SELKIE_VM_DIR", ROOT.resolve("target/vm").toString()));
    Ended built = run(List.of(ROOT.resolve("test/vm/run").toString(), "--build"));
    assertThat(built.status).as(built.said).isZero();
    Path export = Files.createTempDirectory(TARGET, "export");
    Ended tried =
        run(
            List.of(
                ROOT.resolve("dist/try-package").toString(),
                machine.resolve("root.img").toString(),
                TARGET.resolve("selkie.deb").toString(),
                export.toString()));
    if (!isRoot()) {
      assertThat(tried.said).contains("only root can install a package");
      return;
    }
    assertThat(tried.status).as(tried.said).isZero();
    assertThat(tried.said.lines().filter(line -> line.startsWith("ok: ")))
        .as(tried.said)
        .hasSize(10);
    System.out.println(tried.said);
  }

  @Test
  void unitRunsUnderSystemd() throws Exception {
    Path export = Files.createTempDirectory(TARGET, "export");
    Ended tried =
        run(
            List.of(
                ROOT.resolve("dist/try-unit").toString(),
                TARGET.resolve("root").toString(),
                export.toString()));
    if (!isRoot()) {
      assertThat(tried.said).contains("only root can run systemd");
      return;
    }
    assertThat(tried.status).as(tried.said).isZero();
    assertThat(tried.said.lines().filter(line -> line.startsWith("ok: ")))
        .as(tried.said)
        .hasSize(10);
    System.out.println(tried.said);
  }

  @Test
  void packageIsWhatDebianCallsOne() throws Exception {
    String deb = TARGET.resolve("selkie.deb").toString();
    Ended fields = run(List.of("dpkg-deb", "--field", deb));
    assertThat(fields.status).as(fields.said).isZero();
    assertThat(fields.said)
        .contains("Package: selkie\n", "Version: ", "Installed-Size: ", "Depends: libc6");
    Ended contents = run(List.of("dpkg-deb", "--contents", deb));
    assertThat(contents.said)
        .contains(
            "root/root",
            "./usr/bin/selkie\n",
            "./usr/lib/selkie/runtime/bin/java\n",
            "./usr/lib/systemd/system/selkie.service\n",
            "./usr/lib/sysusers.d/selkie.conf\n",
            "./usr/lib/tmpfiles.d/selkie.conf\n",
            "./usr/share/man/man1/selkie-ctl-layouts.1.gz\n",
            "./usr/share/selkie/grafana/selkie.json\n",
            "./usr/share/selkie/prometheus/selkie.rules.yml\n",
            "./usr/share/doc/selkie/copyright\n");
    assertThat(contents.said.lines().filter(line -> line.contains("./usr/bin/selkie")))
        .allMatch(line -> line.startsWith("-rwxr-xr-x root/root"));
  }

  @Test
  void archiveInThePackageHoldsTheNativeHalfOfTheVerbsProvider() throws Exception {
    String deb = TARGET.resolve("selkie.deb").toString();
    Path unpacked = Files.createTempDirectory(TARGET, "unpacked");
    String script =
        "dpkg-deb --fsys-tarfile \"$0\" | tar -x -C \"$1\" --wildcards '*/lib/selkie-rdma-*.jar'";
    Ended out = run(List.of("bash", "-o", "pipefail", "-c", script, deb, unpacked.toString()));
    assertThat(out.status).as(out.said).isZero();
    String folder = "io/selkie/rdma/verbs/";
    String machine = System.getProperty("os.arch").equals("aarch64") ? "aarch_64" : "x86_64";
    try (Stream<Path> files = Files.walk(unpacked)) {
      Path jar = files.filter(each -> each.toString().endsWith(".jar")).findFirst().orElseThrow();
      try (JarFile archive = new JarFile(jar.toFile())) {
        JarEntry library = archive.getJarEntry(folder + "libselkieverbs-" + machine + ".so");
        assertThat(library).as("the library in %s", jar).isNotNull();
        try (InputStream content = archive.getInputStream(library)) {
          assertThat(content.readNBytes(4)).containsExactly(0x7f, 'E', 'L', 'F');
        }
        assertThat(archive.getEntry(folder + "libselkieverbs.not-built")).isNull();
      }
    }
  }
}
