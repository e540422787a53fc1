package io.selkie.protocol.xdr;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.protocol.xdr.XdrException.Kind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Goal: what is written is read back, and nothing that a peer sends does more than throw. */
class XdrTest {

  private final ByteBuffer buffer = ByteBuffer.allocateDirect(4096);
  private final XdrWriter out = new XdrWriter(buffer);

  private XdrReader written() {
    return new XdrReader(buffer.duplicate().flip());
  }

  private static XdrReader of(int... words) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * words.length);
    for (int word : words) {
      bytes.putInt(word);
    }
    return new XdrReader(bytes.flip());
  }

  private static void assertFails(Kind kind, ThrowingCallable call) {
    assertThatThrownBy(call).isSameAs(kind.exception());
  }

  @Property
  void numbersComeBack(@ForAll int i, @ForAll long l, @ForAll boolean b) {
    XdrWriter to = new XdrWriter(ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN));
    to.int32(i);
    to.int64(l);
    to.bool(b);
    to.uint32(i & 0xFFFF_FFFFL);
    XdrReader in = new XdrReader(to.buffer().flip());
    assertThat(in.int32()).isEqualTo(i);
    assertThat(in.int64()).isEqualTo(l);
    assertThat(in.bool()).isEqualTo(b);
    assertThat(in.uint32()).isEqualTo(Integer.toUnsignedLong(i));
    assertThat(in.remaining()).isZero();
  }

  @Property
  void opaquesComeBackByEveryWayOfReadingThem(@ForAll @Size(max = 40) byte[] bytes) {
    XdrWriter to = new XdrWriter(ByteBuffer.allocate(600));
    for (int i = 0; i < 5; i++) {
      to.opaque(bytes);
    }
    to.opaque(ByteBuffer.wrap(bytes));
    to.fixedOpaque(bytes);
    assertThat(to.position() % 4).isZero();
    XdrReader in = new XdrReader(to.buffer().flip());
    assertThat(in.opaque(40)).isEqualTo(bytes);
    byte[] target = new byte[40];
    assertThat(in.opaque(target)).isEqualTo(bytes.length);
    assertThat(Arrays.copyOf(target, bytes.length)).isEqualTo(bytes);
    assertThat(in.opaqueSlice(40)).isEqualTo(ByteBuffer.wrap(bytes));
    assertThat(in.skipVariableOpaque(40)).isEqualTo(bytes.length);
    int length = in.opaqueLength(40);
    assertThat(length).isEqualTo(bytes.length);
    in.skipOpaque(length);
    assertThat(in.opaque(40)).isEqualTo(bytes);
    assertThat(in.fixedOpaque(bytes.length)).isEqualTo(bytes);
    assertThat(in.remaining()).isZero();
  }

  @Property
  void wellFormedUtf8IsWhatTheJdkCanDecode(@ForAll @Size(max = 12) byte[] bytes) {
    boolean wellFormed;
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      wellFormed = true;
    } catch (java.nio.charset.CharacterCodingException _) {
      wellFormed = false;
    }
    assertThat(Utf8.isWellFormed(ByteBuffer.wrap(bytes), 0, bytes.length)).isEqualTo(wellFormed);
  }

  @Property
  void everyStringComesBack(@ForAll String text) {
    String paired = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
    XdrWriter to = new XdrWriter(ByteBuffer.allocate(8 + 4 * text.length()));
    to.utf8(paired);
    assertThat(new XdrReader(to.buffer().flip()).utf8(1 << 20)).isEqualTo(paired);
  }

  @Test
  void illFormedUtf8IsRefused() {
    for (byte[] bad :
        new byte[][] {
          {(byte) 0x80},
          {(byte) 0xC0, (byte) 0x80},
          {(byte) 0xE0, (byte) 0x80, (byte) 0x80},
          {(byte) 0xED, (byte) 0xA0, (byte) 0x80},
          {(byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80},
          {(byte) 0xF0, (byte) 0x9F, (byte) 0x98},
          {(byte) 0xFF}
        }) {
      XdrWriter to = new XdrWriter(ByteBuffer.allocate(16));
      to.opaque(bad);
      assertFails(Kind.BAD_UTF8, () -> new XdrReader(to.buffer().flip()).utf8(16));
    }
  }

  @Property
  void cutOffValuesAreTruncated(@ForAll @IntRange(max = 7) int bytes) {
    XdrReader in = new XdrReader(ByteBuffer.allocate(bytes));
    assertFails(Kind.TRUNCATED, in::int64);
    if (bytes < 4) {
      assertFails(Kind.TRUNCATED, in::int32);
      assertFails(Kind.TRUNCATED, () -> in.opaque(10));
    }
    assertFails(Kind.TRUNCATED, () -> in.fixedOpaque(8));
    assertFails(Kind.TRUNCATED, () -> in.skip(8));
    assertThat(in.position()).as("a value that is not there moves nothing").isZero();
  }

  @Property
  void lengthsThatLieNeverAllocate(@ForAll int length) {
    XdrReader in = of(length, 0);
    if (length >= 0 && length <= 4) {
      assertThat(in.opaque(Integer.MAX_VALUE)).hasSize(length);
    } else {
      assertThatThrownBy(() -> in.opaque(Integer.MAX_VALUE)).isInstanceOf(XdrException.class);
    }
  }

  @Test
  void largestLengthsAreRefusedWithoutOverflow() {
    for (int length : new int[] {Integer.MAX_VALUE, Integer.MAX_VALUE - 1, -1, Integer.MIN_VALUE}) {
      assertThatThrownBy(() -> of(length, 1, 2).opaqueLength(Integer.MAX_VALUE))
          .isInstanceOf(XdrException.class);
      assertThatThrownBy(() -> of(length, 1, 2).count(Integer.MAX_VALUE, 16))
          .isInstanceOf(XdrException.class);
      assertThatThrownBy(() -> of(length, 1, 2).skipVariableOpaque(Integer.MAX_VALUE))
          .isInstanceOf(XdrException.class);
    }
    assertFails(Kind.TRUNCATED, () -> of(1).skip(Integer.MAX_VALUE));
    assertFails(Kind.TRUNCATED, () -> of(1).skip(-4));
    assertFails(Kind.TRUNCATED, () -> of(1).fixedOpaque(Integer.MAX_VALUE));
  }

  @Test
  void boundsAreKept() {
    assertFails(Kind.OVER_BOUND, () -> of(5, 0, 0).opaque(4));
    assertFails(Kind.OVER_BOUND, () -> of(3, 0, 0, 0).count(2, 4));
    assertFails(Kind.TRUNCATED, () -> of(3, 0, 0).count(3, 4));
    assertThat(of(2, 0, 0).count(2, 4)).isEqualTo(2);
  }

  @Test
  void booleansAndEnumerationsTakeOnlyWhatIsDefined() {
    assertFails(Kind.BAD_BOOL, () -> of(2).bool());
    assertFails(Kind.BAD_BOOL, () -> of(-1).bool());
    assertFails(Kind.BAD_ENUM, () -> of(3).enumeration(0, 2));
    assertThat(of(2).enumeration(0, 2)).isEqualTo(2);
  }

  @Test
  void nestedContentCannotReachBeyondItsOpaque() {
    XdrReader in = of(8, 1, 2, 3);
    int length = in.opaqueLength(100);
    int end = in.beginNested(length);
    in.int64();
    assertFails(Kind.TRUNCATED, in::int32);
    in.endNested(end);
    assertThat(in.int32()).isEqualTo(3);
  }

  @Test
  void reservedWordsArePatched() {
    int count = out.reserveInt32();
    out.int64(7);
    int later = out.reserveInt64();
    out.patchInt32(count, 2);
    out.patchInt64(later, 9);
    XdrReader in = written();
    assertThat(in.int32()).isEqualTo(2);
    assertThat(in.int64()).isEqualTo(7);
    assertThat(in.int64()).isEqualTo(9);
  }

  @Test
  void opaqueOfUnknownLengthIsPaddedAtItsEnd() {
    int length = out.beginOpaque();
    out.raw(new byte[] {1, 2, 3, 4, 5}, 0, 5);
    out.endOpaque(length);
    assertThat(out.position()).isEqualTo(12);
    assertThat(written().opaque(5)).isEqualTo(new byte[] {1, 2, 3, 4, 5});
  }

  @Test
  void takenBackValuesAreGone() {
    out.int32(1);
    int mark = out.position();
    out.int64(2);
    out.rewind(mark);
    out.int32(3);
    assertThat(out.position()).isEqualTo(8);
    assertThatThrownBy(() -> out.rewind(100)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void writerStopsAtItsLimitAndKeepsWhatIsThere() {
    out.limit(10);
    out.int64(1);
    assertFails(Kind.NO_SPACE, () -> out.int32(2));
    assertFails(Kind.NO_SPACE, () -> out.opaque(new byte[1]));
    assertThat(out.position()).isEqualTo(8);
    assertThat(out.remaining()).isEqualTo(2);
    XdrWriter full = new XdrWriter(ByteBuffer.allocate(3));
    assertFails(Kind.NO_SPACE, () -> full.int32(1));
  }

  @Test
  void writerGrowsUpToItsLimit() {
    XdrWriter growing =
        new XdrWriter()
            .wrap(
                ByteBuffer.allocate(4),
                (full, min) -> ByteBuffer.allocate(Math.max(min, 8)).put(full.flip()),
                16);
    growing.int32(1);
    growing.int64(2);
    growing.int32(3);
    assertFails(Kind.NO_SPACE, () -> growing.int32(4));
    XdrReader in = new XdrReader(growing.buffer().flip());
    assertThat(in.int32()).isEqualTo(1);
    assertThat(in.int64()).isEqualTo(2);
    assertThat(in.int32()).isEqualTo(3);
  }

  @Test
  void exceptionsAreMadeOnceAndCarryNoStack() {
    for (Kind kind : Kind.values()) {
      assertThat(kind.exception()).isSameAs(kind.exception());
      assertThat(kind.exception().kind()).isEqualTo(kind);
      assertThat(kind.exception().getStackTrace()).isEmpty();
    }
  }
}
