package io.selkie.test.fire;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.test.support.ScratchDirectory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Goal: whoever looks at the blocks of an image sees what must not be there. */
@Tag("slow")
@Timeout(600)
class FireImageTest {

  private static final int FILE_BYTES = 64 << 10;
  private static final int BLOCK_BYTES = 4096;

  @Test
  void oneByteInABlockOfAFileAndAFewInABlockOfNoneAreSeen() throws Exception {
    Path base = Path.of(System.getProperty("selkie.test.dir", "target")).toAbsolutePath();
    List<String> violations = new ArrayList<>();
    try (ScratchDirectory scratch = ScratchDirectory.in(base, "image-");
        FireImage image = FireImage.make(scratch.path())) {
      Path file = image.directory().resolve("file");
      ByteBuffer content = Words.filled(FILE_BYTES, Words.mark(1));
      try (FileChannel channel =
          FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        channel.write(content.duplicate());
      }
      Map<Path, ByteBuffer> files = Map.of(file, content);
      if (!image.takeOff(files.keySet())) {
        // Who may not mount has no image, and says so.
        assertThat(FireImage.mayMount(file)).isFalse();
        assertThat(image.scan(files, violations::add).whole()).isFalse();
        return;
      }
      FireImage.Scan before = image.look(files, violations::add);
      assertThat(violations).isEmpty();
      assertThat(before.blocksOfFiles()).isEqualTo(FILE_BYTES / BLOCK_BYTES);

      long ofFile = image.pieces().getFirst().physical() + 4711;
      long ofNone = Files.size(image.image()) - BLOCK_BYTES + 1024;
      try (FileChannel channel = FileChannel.open(image.image(), StandardOpenOption.WRITE)) {
        channel.write(ByteBuffer.wrap(new byte[] {2}), ofFile);
        channel.write(Words.filled(16, Words.grant(7)), ofNone);
      }
      assertThat(image.look(files, violations::add).zero()).isEqualTo(before.zero() - 1);
    }
    assertThat(violations)
        .satisfiesExactlyInAnyOrder(
            wrong -> assertThat(wrong).contains("file at 4711 is not what the file was"),
            wrong -> assertThat(wrong).contains("belongs to no file", "of grant 7 at 1024"));
  }
}
