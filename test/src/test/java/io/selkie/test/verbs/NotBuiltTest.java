package io.selkie.test.verbs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.config.time.NanoClock;
import io.selkie.rdma.verbs.NativeLibrary;
import io.selkie.test.support.ChildJvm;
import io.selkie.test.support.OtherProcess;
import io.selkie.test.support.ScratchDirectory;
import io.selkie.test.support.ServerProcess;
import java.io.File;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: a Selkie that was built without the native half of the verbs provider serves by iwarp, and
 * log, doctor and {@code ctl devices} say why it was not built.
 *
 * <p>Method: processes whose classes are these, but for the library and with a reason instead.
 */
@Timeout(300)
class NotBuiltTest {

  private static final String LIBRARY = "libselkieverbs";
  private static final String REASON = "there was no gcc (Debian: gcc)";
  private static final String SAID = "not built, because " + REASON;

  /** The class path of this process without the library, and with a reason. */
  private static String classPath(Path into) throws Exception {
    Path rdma =
        Path.of(NativeLibrary.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    if (Files.isDirectory(rdma)) {
      copy(rdma, into);
    } else {
      try (FileSystem archive = FileSystems.newFileSystem(rdma)) {
        copy(archive.getPath("/"), into);
      }
    }
    Files.writeString(into.resolve("io/selkie/rdma/verbs/" + LIBRARY + ".not-built"), REASON);
    // Surefire may hand the path over in an archive's manifest; it tells the whole there.
    String whole = System.getProperty("surefire.test.class.path", ChildJvm.classPath());
    String changed =
        Arrays.stream(whole.split(File.pathSeparator))
            .map(entry -> Path.of(entry).equals(rdma) ? into.toString() : entry)
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(changed).as("%s is in the class path", rdma).contains(into.toString());
    return changed;
  }

  private static void copy(Path from, Path into) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path each : all.toList()) {
        Path to = into.resolve(from.relativize(each).toString());
        if (Files.isDirectory(each)) {
          Files.createDirectories(to);
        } else if (!String.valueOf(each.getFileName()).startsWith(LIBRARY)) {
          Files.copy(each, to);
        }
      }
    }
  }

  private static String said(String classPath, String... arguments) throws Exception {
    List<String> command =
        ChildJvm.command(
            classPath,
            List.of("-XX:TieredStopAtLevel=1"),
            "io.selkie.server.Main",
            List.of(arguments));
    return OtherProcess.start(NanoClock.system(), command)
        .outcome()
        .get(120, TimeUnit.SECONDS)
        .output();
  }

  @Test
  void iwarpServesAndWhyThereIsNoVerbsIsSaidEverywhere() throws Exception {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    try (ScratchDirectory scratch = ScratchDirectory.in(base, "not-built-")) {
      String classPath = classPath(scratch.resolve("classes"));
      Path export = Files.createDirectory(scratch.resolve("export"));
      try (ServerProcess server =
          ServerProcess.of(export)
              .config("rdma: {provider: auto}\n")
              .classPath(classPath)
              .scratch(scratch.resolve("server"))
              .start()) {
        assertThat(server.log())
            .contains("one-sided access by iwarp alone; verbs is not used: " + SAID)
            .contains("one-sided access by iwarp on ");
        Path file = scratch.resolve("file");
        Files.writeString(file, "one-sided", UTF_8);
        String url =
            "nfs://127.0.0.1:%d/%s/copy".formatted(server.nfs().getPort(), server.exportName());
        String copied = said(classPath, "cp", "--direct=require", file.toString(), url);
        assertThat(export.resolve("copy")).as(copied).hasSameBinaryContentAs(file);
        Path socket = scratch.resolve("server").resolve("state").resolve("ctl.sock");
        assertThat(said(classPath, "ctl", "devices", "--socket", socket.toString()))
            .contains("iwarp", "verbs is not used: " + SAID);
      }
      assertThat(said(classPath, "doctor", export.toString())).contains(SAID);
    }
  }
}
