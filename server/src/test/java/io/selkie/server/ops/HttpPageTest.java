package io.selkie.server.ops;

import static io.selkie.server.ops.FileCalls.BOTH;
import static io.selkie.server.ops.FileCalls.DENY_NONE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.layout.RecallCause;
import io.selkie.layout.RecallFilter;
import io.selkie.posix.LinuxKernel;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.server.ops.FileCalls.Opened;
import java.awt.image.BufferedImage;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Goal: the page shows a server with real layouts, in a browser. Method: headless Chromium draws it
 * at two widths; pictures stay in {@code target/} to be looked at.
 */
@Tag("debian")
@Timeout(600)
class HttpPageTest {

  private static final int MIB = 1 << 20;

  @TempDir private Path profile;

  @Test
  void pageDrawsTheBlockMapOfAFileWithItsHolders() throws Exception {
    try (TwoExports server =
        new TwoExports(
            new LinuxKernel(),
            500,
            "{enabled: false}\nhttp: {listen: '127.0.0.1:0'}",
            new String[] {"pool", "scratch"})) {
      sparse(server.of("pool").resolve("database"));
      Files.write(server.of("scratch").resolve("log"), new byte[MIB]);
      FileCalls alice = server.client("alice");
      FileCalls bob = server.client("bob");
      hold(alice, "scratch", "log", LayoutConst4.LAYOUTIOMODE4_RW);
      var _ =
          server
              .server()
              .arbiter()
              .fence(
                  new RecallFilter(OptionalLong.empty(), Optional.empty(), OptionalLong.empty()),
                  RecallCause.ADMINISTRATIVE)
              .toCompletableFuture()
              .get(300, TimeUnit.SECONDS);
      hold(alice, "pool", "database", LayoutConst4.LAYOUTIOMODE4_READ);
      hold(bob, "pool", "database", LayoutConst4.LAYOUTIOMODE4_READ);
      String page =
          "http://127.0.0.1:%d/".formatted(server.server().httpAddress().orElseThrow().getPort());

      String shown = chromium("--dump-dom", "--window-size=1280,2200", page);
      assertThat(shown)
          .contains("pool/database", "scratch/log", "aria-label=\"/database: 8 MiB in")
          .contains("2 layouts of 2 clients", "fenced", "From the beginning of a fence")
          .doesNotContain("the server is gone");
      for (String size : List.of("1280,2200", "390,3400")) {
        Path picture = Path.of("target", "page-" + size.replace(',', 'x') + ".png");
        chromium("--screenshot=" + picture.toAbsolutePath(), "--window-size=" + size, page);
        assertThat(colours(picture)).as(size).hasSizeGreaterThan(8);
        // Chromium's own words for dark colours; the paper is dark then.
        Path dark = Path.of("target", "page-dark-" + size.replace(',', 'x') + ".png");
        chromium(
            "--screenshot=" + dark.toAbsolutePath(),
            "--blink-settings=preferredColorScheme=0",
            "--window-size=" + size,
            page);
        assertThat(ImageIO.read(dark.toFile()).getRGB(1, 1) & 0xff).as(size).isLessThan(0x40);
      }
    }
  }

  /** Data, a hole, data, and a hole at the end. */
  private static void sparse(Path file) throws Exception {
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.write(new byte[2 * MIB]);
      out.seek(5L * MIB);
      out.write(new byte[MIB]);
      out.setLength(8L * MIB);
      out.getFD().sync();
    }
  }

  private static void hold(FileCalls client, String export, String name, int mode) {
    Opened opened = client.open(client.handleOf(export), name, BOTH, DENY_NONE);
    HeldLayout.get(client, opened.handle(), opened.stateid(), mode);
  }

  private String chromium(String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                "chromium",
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--user-data-dir=" + profile,
                "--virtual-time-budget=20000"));
    command.addAll(List.of(arguments));
    Path out = profile.resolve("out");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(profile.resolve("err").toFile())
            .start();
    try {
      assertThat(process.waitFor(300, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return Files.readString(out, UTF_8);
  }

  private static Set<Integer> colours(Path picture) throws Exception {
    BufferedImage image = ImageIO.read(picture.toFile());
    Set<Integer> colours = new HashSet<>();
    for (int y = 0; y < image.getHeight(); y += 3) {
      for (int x = 0; x < image.getWidth(); x += 3) {
        colours.add(image.getRGB(x, y));
      }
    }
    return colours;
  }
}
