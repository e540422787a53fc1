package io.selkie.server.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.selkie.posix.FileHandleBytes;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Goal: what is kept is found by its very bytes, much is kept, and never more than the bound. */
class HandleCacheTest {

  private static final FileHandleCodec CODEC = new FileHandleCodec(new byte[16]);

  private static Found found(long inode) {
    byte[] kernelBytes = ByteBuffer.allocate(8).putLong(inode).array();
    FileHandle handle = new FileHandle(1, inode, ~inode, FileHandleBytes.of(1, kernelBytes, 0, 8));
    return Found.of(new VfsFile(null, handle, CODEC.encode(handle)));
  }

  @Test
  void isFoundByTheSameBytesOnly() {
    HandleCache cache = new HandleCache();
    Found one = found(1);
    cache.put(one);
    byte[] same = one.file().handleBytes();
    assertThat(cache.find(same)).isSameAs(one);
    same[20] ^= 1;
    assertThat(cache.find(same)).isNull();
    assertThat(cache.find(new byte[3])).isNull();
    assertThat(cache.find(Arrays.copyOf(one.file().handleBytes(), 30))).isNull();
  }

  @Test
  void sameHandleTwiceCountsOnce() {
    HandleCache cache = new HandleCache();
    cache.put(found(1));
    Found again = found(1);
    cache.put(again);
    assertThat(cache.size()).isEqualTo(1);
    assertThat(cache.find(again.file().handleBytes())).isSameAs(again);
  }

  @Test
  void nearlyAllOfAsManyAsItHoldsAreKept() {
    HandleCache cache = new HandleCache(1 << 16);
    int many = 62_000;
    for (int i = 0; i < many; i++) {
      cache.put(found(i));
    }
    int kept = 0;
    for (int i = 0; i < many; i++) {
      kept += cache.find(found(i).file().handleBytes()) == null ? 0 : 1;
    }
    assertThat(kept).isEqualTo(cache.size()).isGreaterThan((int) (0.98 * many));
  }

  @Test
  void neverHoldsMoreThanItsCapacityAndTheNewestIsThere() {
    int capacity = 1 << 12;
    HandleCache cache = new HandleCache(capacity);
    for (int i = 0; i < 10 * capacity; i++) {
      Found found = found(i);
      cache.put(found);
      assertThat(cache.size()).isLessThanOrEqualTo(capacity);
      assertThat(cache.find(found.file().handleBytes())).isSameAs(found);
    }
    assertThat(cache.size()).isEqualTo(capacity);
  }
}
