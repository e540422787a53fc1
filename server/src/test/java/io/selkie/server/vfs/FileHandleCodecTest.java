package io.selkie.server.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.FileHandleBytes;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: a handle says again what was put in, and nobody without the key can make one. */
class FileHandleCodecTest {
  private static final byte[] KEY = new byte[16];

  static {
    for (int i = 0; i < 16; i++) {
      KEY[i] = (byte) i;
    }
  }

  private final FileHandleCodec codec = new FileHandleCodec(KEY);

  @Test
  void checksumIsThatOfThePaper() {
    byte[] data = new byte[15];
    for (int i = 0; i < 15; i++) {
      data[i] = (byte) i;
    }
    assertThat(new SipHash(KEY).hash(data, 15)).isEqualTo(0xa129ca6149be45e5L);
    assertThat(new SipHash(KEY).hash(data, 0)).isEqualTo(0x726fdb47dd0e0e31L);
    assertThat(new SipHash(KEY).hash(data, 8)).isEqualTo(0x93f5f5799a932462L);
  }

  @Property
  void handleComesBackAsItWas(
      @ForAll int exportId,
      @ForAll long inode,
      @ForAll long generation,
      @ForAll int type,
      @ForAll @Size(max = 92) byte[] bytes) {
    FileHandleBytes kernel = new FileHandleBytes();
    kernel.set(type, bytes, 0, bytes.length, 0);

    byte[] encoded = codec.encode(new FileHandle(exportId, inode, generation, kernel));
    FileHandle decoded = codec.decode(encoded).orElseThrow();

    assertThat(encoded.length).isLessThanOrEqualTo(128);
    assertThat(decoded.exportId()).isEqualTo(exportId);
    assertThat(decoded.inode()).isEqualTo(inode);
    assertThat(decoded.generation()).isEqualTo(generation);
    if (bytes.length == 0) {
      assertThat(decoded.kernel()).isNull();
    } else {
      assertThat(decoded.kernel().toBytes()).isEqualTo(bytes);
      assertThat(decoded.kernel().type()).isEqualTo(type);
    }
  }

  @Property
  void everyChangedBitIsNoticed(@ForAll long inode, @ForAll @IntRange(max = 8 * 52 - 1) int bit) {
    FileHandleBytes kernel = new FileHandleBytes();
    kernel.set(1, new byte[16], 0, 16, 0);
    byte[] encoded = codec.encode(new FileHandle(7, inode, 3, kernel));
    assertThat(encoded).hasSize(52);

    encoded[bit / 8] ^= (byte) (1 << (bit % 8));

    assertThat(codec.decode(encoded)).isEmpty();
  }

  @Property
  void anythingElseIsRefused(@ForAll @Size(max = 200) byte[] bytes) {
    assertThat(codec.decode(bytes)).isEmpty();
  }

  @Test
  void anotherKeyOpensNothing() {
    byte[] encoded = codec.encode(new FileHandle(1, 2, 3, null));
    byte[] otherKey = KEY.clone();
    otherKey[15]++;

    assertThat(new FileHandleCodec(otherKey).decode(encoded)).isEmpty();
    assertThat(codec.decode(Arrays.copyOf(encoded, encoded.length - 1))).isEmpty();
    assertThat(codec.decode(encoded)).isPresent();
  }
}
