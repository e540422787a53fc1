package io.selkie.test.bench;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.selkie.test.support.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: the comparison with Debian's nfs-ganesha can be repeated by anybody at any time. Method:
 * one short round of it. What it measures on a machine that does other things as well says nothing,
 * so no ratio is looked at, only that both servers answered every workload.
 */
@Tag("debian")
class GaneshaBenchTest {

  private static final int MINUTES = 5;

  @TempDir Path directory;

  @Test
  @Timeout(value = MINUTES + 1, unit = TimeUnit.MINUTES)
  void bothServersAnswerEveryWorkloadOfTheComparison() throws Exception {
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    Process bench =
        new ProcessBuilder(
                ChildJvm.command(
                    ChildJvm.classPath(),
                    List.of("-Xmx256m"),
                    "io.selkie.server.Main",
                    List.of(
                        "bench-nfs",
                        "--against-ganesha",
                        "--rounds=1",
                        "--seconds=0.3",
                        "--warm-up=0.3",
                        "--file-mib=8",
                        "--json")))
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    try {
      assertThat(bench.waitFor(MINUTES, TimeUnit.MINUTES)).as(Files.readString(err)).isTrue();
      assertThat(bench.exitValue()).as(Files.readString(err, UTF_8)).isZero();
    } finally {
      bench.descendants().forEach(ProcessHandle::destroyForcibly);
      bench.destroyForcibly();
    }
    JsonNode json = new ObjectMapper().readTree(Files.readString(out, UTF_8));
    for (NfsWorkload workload : NfsWorkload.values()) {
      for (String server : List.of("selkie", GaneshaProcess.NAME)) {
        String rate = workload.key() + "_" + server + "_per_s";
        assertThat(json.path(rate).asDouble()).as("%s in %s", rate, json).isPositive();
      }
    }
  }
}
