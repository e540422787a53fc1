package io.selkie.protocol.layout.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.protocol.layout.block.Volume4.Base;
import io.selkie.protocol.layout.block.Volume4.Concat;
import io.selkie.protocol.layout.block.Volume4.Signature;
import io.selkie.protocol.layout.block.Volume4.Simple;
import io.selkie.protocol.layout.block.Volume4.Slice;
import io.selkie.protocol.layout.block.Volume4.Stripe;
import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrException.Kind;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/**
 * Goal: block and SCSI layouts are on the wire as RFC 5663 and RFC 8154 say; bad ones are refused.
 */
class BlockLayoutCodecTest {

  private static XdrReader encoded(Consumer<XdrWriter> content) {
    XdrWriter out = new XdrWriter(ByteBuffer.allocate(1 << 20));
    content.accept(out);
    return new XdrReader(out.buffer().flip());
  }

  private static String hex(Consumer<XdrWriter> content) {
    XdrReader in = encoded(content);
    return HexFormat.of().formatHex(in.fixedOpaque(in.remaining()));
  }

  @Provide
  Arbitrary<BlockExtent4> extents() {
    return Combinators.combine(
            Arbitraries.longs(),
            Arbitraries.longs(),
            Arbitraries.longs(),
            Arbitraries.longs(),
            Arbitraries.of(BlockExtentState4.class))
        .as((device, offset, length, storage, state) ->
            new BlockExtent4(new DeviceId4(device, ~device), offset, length, storage, state));
  }

  @Property
  void layoutsAndUpdatesComeBack(@ForAll List<@From("extents") BlockExtent4> extents) {
    BlockLayout4 layout = new BlockLayout4(extents);
    XdrReader in = encoded(layout::encode);
    assertThat(in.remaining()).isEqualTo(BlockLayout4.encodedBytes(extents.size()));
    assertThat(BlockLayout4.decode(in)).isEqualTo(layout);
    BlockLayoutUpdate4 update = new BlockLayoutUpdate4(extents);
    assertThat(BlockLayoutUpdate4.decode(encoded(update::encode))).isEqualTo(update);
  }

  @Property
  void scsiUpdatesComeBack(@ForAll List<Long> numbers) {
    ScsiLayoutUpdate4 update =
        new ScsiLayoutUpdate4(
            numbers.stream().map(n -> new ScsiLayoutUpdate4.Range(n, ~n)).toList());
    assertThat(ScsiLayoutUpdate4.decode(encoded(update::encode))).isEqualTo(update);
  }

  /** A hierarchy of volumes; each but the first few is made of some before it. */
  private static List<Volume4> hierarchy(Random random, int count, boolean scsi) {
    List<Volume4> volumes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      List<Integer> earlier = new ArrayList<>();
      for (int n = i == 0 ? 0 : 1 + random.nextInt(i); n > 0; n--) {
        earlier.add(random.nextInt(i));
      }
      byte[] bytes = new byte[random.nextInt(40)];
      random.nextBytes(bytes);
      volumes.add(
          switch (earlier.isEmpty() ? 3 : random.nextInt(4)) {
            case 0 -> new Slice(random.nextLong(), random.nextLong(), earlier.getFirst());
            case 1 -> new Concat(earlier);
            case 2 -> new Stripe(random.nextLong(), earlier);
            default ->
                scsi
                    ? new Base(1 + random.nextInt(3), 3, bytes, random.nextLong())
                    : new Simple(
                        List.of(new Signature(random.nextLong(), bytes), new Signature(-1, bytes)));
          });
    }
    return volumes;
  }

  @Property
  void devicesComeBack(@ForAll long seed, @ForAll @IntRange(max = 40) int count) {
    BlockDeviceAddr4 block = new BlockDeviceAddr4(hierarchy(new Random(seed), count, false));
    assertThat(BlockDeviceAddr4.decode(encoded(block::encode))).isEqualTo(block);
    ScsiDeviceAddr4 scsi = new ScsiDeviceAddr4(hierarchy(new Random(seed), count, true));
    assertThat(ScsiDeviceAddr4.decode(encoded(scsi::encode))).isEqualTo(scsi);
  }

  @Test
  void extentIsLaidOutAsInTheRfc() {
    BlockExtent4 extent =
        new BlockExtent4(
            new DeviceId4(0x0102030405060708L, 0x090a0b0c0d0e0f10L),
            0x1112131415161718L,
            0x3132333435363738L,
            0x4142434445464748L,
            BlockExtentState4.PNFS_BLOCK_INVALID_DATA);
    assertThat(hex(new BlockLayout4(List.of(extent))::encode))
        .isEqualTo(
            "00000001"
                + "0102030405060708090a0b0c0d0e0f10"
                + "1112131415161718"
                + "3132333435363738"
                + "4142434445464748"
                + "00000002");
  }

  @Test
  void volumesAreLaidOutAsInTheRfcs() {
    assertThat(
            hex(
                new BlockDeviceAddr4(
                        List.of(
                            new Simple(List.of(new Signature(-2, new byte[] {1, 2, 3}))),
                            new Slice(512, 4096, 0),
                            new Concat(List.of(0, 1)),
                            new Stripe(65536, List.of(2))))
                    ::encode))
        .isEqualTo(
            "00000004"
                + "00000000"
                + "00000001"
                + "fffffffffffffffe"
                + "00000003"
                + "01020300"
                + "00000001"
                + "0000000000000200"
                + "0000000000001000"
                + "00000000"
                + "00000002"
                + "00000002"
                + "00000000"
                + "00000001"
                + "00000003"
                + "0000000000010000"
                + "00000001"
                + "00000002");
    assertThat(
            hex(
                new ScsiDeviceAddr4(List.of(new Base(1, 3, new byte[] {6, 7}, 0x0102030405060708L)))
                    ::encode))
        .isEqualTo(
            "00000001"
                + "00000004"
                + "00000001"
                + "00000003"
                + "00000002"
                + "06070000"
                + "0102030405060708");
  }

  @Test
  void statesHaveTheRfcsNumbers() {
    for (int i = 0; i < 4; i++) {
      assertThat(BlockExtentState4.of(i).wireValue()).isEqualTo(i);
    }
    assertThat(BlockExtentState4.PNFS_BLOCK_NONE_DATA.wireValue()).isEqualTo(3);
    for (int bad : new int[] {-1, 4, Integer.MIN_VALUE}) {
      assertThatThrownBy(() -> BlockExtentState4.of(bad)).isSameAs(Kind.BAD_ENUM.exception());
    }
  }

  @Test
  void aVolumeMadeOfItselfOrOfALaterOneIsRefused() {
    for (int index : new int[] {0, 1, -1, Integer.MAX_VALUE}) {
      for (Volume4 volume :
          List.of(
              new Slice(0, 1, index),
              new Concat(List.of(index)),
              new Stripe(4096, List.of(index)))) {
        XdrReader in = encoded(new BlockDeviceAddr4(List.of(volume))::encode);
        assertThatThrownBy(() -> BlockDeviceAddr4.decode(in)).isSameAs(Kind.OVER_BOUND.exception());
      }
    }
  }

  @Test
  void aUnitOfTheOtherKindOfLayoutIsRefused() {
    XdrReader simple = encoded(new BlockDeviceAddr4(List.of(new Simple(List.of())))::encode);
    assertThatThrownBy(() -> ScsiDeviceAddr4.decode(simple)).isSameAs(Kind.BAD_ENUM.exception());
    Base unit = new Base(1, 8, new byte[8], 1);
    XdrReader base = encoded(new ScsiDeviceAddr4(List.of(unit))::encode);
    assertThatThrownBy(() -> BlockDeviceAddr4.decode(base)).isSameAs(Kind.BAD_ENUM.exception());
    for (int[] bad : new int[][] {{0, 3}, {4, 3}, {1, 0}, {1, 4}, {1, 9}}) {
      assertThatThrownBy(() -> new Base(bad[0], bad[1], new byte[1], 0))
          .isSameAs(Kind.BAD_ENUM.exception());
    }
  }

  @Test
  void countsThatLieAreRefused() {
    for (int count : new int[] {Integer.MAX_VALUE, -1, 65_537}) {
      for (Consumer<XdrReader> codec :
          List.<Consumer<XdrReader>>of(
              BlockLayout4::decode,
              BlockLayoutUpdate4::decode,
              ScsiLayoutUpdate4::decode,
              BlockDeviceAddr4::decode,
              ScsiDeviceAddr4::decode)) {
        assertThatThrownBy(() -> codec.accept(encoded(o -> o.int32(count))))
            .isSameAs(Kind.OVER_BOUND.exception());
      }
    }
    Consumer<XdrWriter> seventeen =
        o -> {
          o.int32(1);
          o.int32(0);
          o.int32(17);
        };
    assertThatThrownBy(() -> BlockDeviceAddr4.decode(encoded(seventeen)))
        .isSameAs(Kind.OVER_BOUND.exception());
    Consumer<XdrWriter> longSignature =
        o -> {
          o.int32(1);
          o.int32(0);
          o.int32(1);
          o.int64(0);
          o.opaque(new byte[Volume4.SIGNATURE_BYTES_MAX + 1]);
        };
    assertThatThrownBy(() -> BlockDeviceAddr4.decode(encoded(longSignature)))
        .isSameAs(Kind.OVER_BOUND.exception());
    Consumer<XdrWriter> longDesignator =
        o -> {
          o.int32(1);
          o.int32(4);
          o.int32(1);
          o.int32(3);
          o.opaque(new byte[Volume4.DESIGNATOR_BYTES_MAX + 1]);
        };
    assertThatThrownBy(() -> ScsiDeviceAddr4.decode(encoded(longDesignator)))
        .isSameAs(Kind.OVER_BOUND.exception());
    assertThatThrownBy(() -> BlockLayout4.decode(encoded(o -> o.int32(1))))
        .isSameAs(Kind.TRUNCATED.exception());
  }

  @Property
  void randomBodiesAreReadOrRefused(@ForAll @Size(max = 200) byte[] bytes) {
    for (int firstWord : new int[] {-1, 1, 2}) {
      ByteBuffer body = ByteBuffer.allocate(bytes.length + 4).put(bytes);
      if (firstWord > 0) {
        body.putInt(0, firstWord).put(4, bytes);
      }
      for (Consumer<XdrReader> codec :
          List.<Consumer<XdrReader>>of(
              BlockLayout4::decode,
              BlockLayoutUpdate4::decode,
              ScsiLayoutUpdate4::decode,
              BlockDeviceAddr4::decode,
              ScsiDeviceAddr4::decode)) {
        XdrReader in = new XdrReader(body.duplicate().rewind());
        try {
          codec.accept(in);
        } catch (XdrException _) {
          // That it is no other exception is the point.
        }
        assertThat(in.position()).isLessThanOrEqualTo(body.capacity());
      }
    }
  }
}
