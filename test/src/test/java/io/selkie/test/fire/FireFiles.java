package io.selkie.test.fire;

import io.selkie.test.support.ServerProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Files of a file system of its own. */
final class FireFiles implements Ground {

  private final FireImage image;
  private final Optional<String> rdmaHost;

  private FireFiles(Path scratch, Optional<String> rdmaHost) throws Exception {
    image = FireImage.make(scratch);
    this.rdmaHost = rdmaHost;
  }

  FireFiles(Path scratch) throws Exception {
    this(scratch, Optional.empty());
  }

  /**
   * The same, served over an RDMA device.
   *
   * @param rdmaHost an address of the device
   */
  FireFiles(Path scratch, String rdmaHost) throws Exception {
    this(scratch, Optional.of(rdmaHost));
  }

  @Override
  public ServerProcess.Builder server(Path scratch) {
    ServerProcess.Builder builder =
        ServerProcess.of(image.directory()).scratch(scratch).jvmFlags("-XX:TieredStopAtLevel=1");
    return rdmaHost.map(builder::rdmaHost).orElse(builder);
  }

  @Override
  public Witness witness(int file, int bytes, Board board, Marks marks, Consumer<String> violations)
      throws IOException {
    Witness witness =
        new Witness(
            file,
            () -> image.directory().resolve(Fire.fileName(file)),
            image.directory().resolve(Fire.fileName(file) + ".lent"),
            Witness.OF_FILES,
            bytes,
            board,
            marks,
            violations);
    witness.create();
    return witness;
  }

  @Override
  public Set<Attack.Strike> strikes() {
    return EnumSet.allOf(Attack.Strike.class);
  }

  @Override
  public Set<Witness.Act> acts() {
    return EnumSet.allOf(Witness.Act.class);
  }

  @Override
  public Map.Entry<String, Object> named(Witness witness) {
    return Map.entry("file", witness.path().toString());
  }

  @Override
  public String scan(Map<Path, ByteBuffer> contents, Consumer<String> violations) throws Exception {
    Map<Path, ByteBuffer> all = new HashMap<>(contents);
    try (Stream<Path> files = Files.list(image.directory())) {
      for (Path file : files.filter(path -> !contents.containsKey(path)).toList()) {
        try (FileChannel channel = FileChannel.open(file)) {
          all.put(file, Witness.OF_FILES.read(channel));
        }
      }
    }
    return image.scan(all, violations).toString();
  }

  @Override
  public void close() throws Exception {
    image.close();
  }
}
