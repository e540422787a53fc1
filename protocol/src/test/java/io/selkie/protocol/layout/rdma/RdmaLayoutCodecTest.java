package io.selkie.protocol.layout.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.protocol.nfs4.DeviceId4;
import io.selkie.protocol.nfs4.LayoutConst4;
import io.selkie.protocol.nfs4.NetAddr4;
import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrException.Kind;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: the RDMA layout on the wire is the draft's, byte for byte, and bad ones are refused. */
class RdmaLayoutCodecTest {

  private static XdrReader encoded(Consumer<XdrWriter> content) {
    XdrWriter out = new XdrWriter(ByteBuffer.allocate(1 << 16));
    content.accept(out);
    return new XdrReader(out.buffer().flip());
  }

  @Provide
  Arbitrary<RdmaExtent4> extents() {
    return Combinators.combine(
            Arbitraries.longs(),
            Arbitraries.longs(),
            Arbitraries.integers(),
            Arbitraries.longs(),
            Arbitraries.longs(),
            Arbitraries.of(RdmaExtentState4.class))
        .as((device, offset, handle, length, storage, state) ->
            new RdmaExtent4(
                new DeviceId4(device, ~device), offset, handle, length, storage, state));
  }

  @Property
  void layoutsComeBack(@ForAll List<@net.jqwik.api.From("extents") RdmaExtent4> extents) {
    RdmaLayout4 layout = new RdmaLayout4(extents);
    XdrReader in = encoded(layout::encode);
    assertThat(in.remaining()).isEqualTo(RdmaLayout4.encodedBytes(extents.size()));
    assertThat(RdmaLayout4.decode(in)).isEqualTo(layout);
  }

  @Test
  void extentIsLaidOutAsInTheDraft() {
    RdmaExtent4 extent =
        new RdmaExtent4(
            new DeviceId4(0x0102030405060708L, 0x090a0b0c0d0e0f10L),
            0x1112131415161718L,
            0x21222324,
            0x3132333435363738L,
            0x4142434445464748L,
            RdmaExtentState4.PNFS_RDMA_INVALID_DATA);
    XdrReader in = encoded(extent::encode);
    assertThat(in.remaining()).isEqualTo(RdmaExtent4.BYTES);
    assertThat(HexFormat.of().formatHex(in.fixedOpaque(RdmaExtent4.BYTES)))
        .isEqualTo(
            "0102030405060708090a0b0c0d0e0f10"
                + "1112131415161718"
                + "21222324"
                + "3132333435363738"
                + "4142434445464748"
                + "00000002");
  }

  @Test
  void statesHaveTheDraftsNumbers() {
    for (int i = 0; i < 4; i++) {
      assertThat(RdmaExtentState4.of(i).wireValue()).isEqualTo(i);
    }
    assertThat(RdmaExtentState4.PNFS_RDMA_READ_DATA.wireValue()).isEqualTo(1);
    for (int bad : new int[] {-1, 4, Integer.MIN_VALUE}) {
      assertThatThrownBy(() -> RdmaExtentState4.of(bad)).isSameAs(Kind.BAD_ENUM.exception());
    }
    assertThat(LayoutConst4.LAYOUT4_RDMA).isEqualTo(0x80000006);
  }

  @Test
  void updatesComeBack() {
    RdmaLayoutUpdate4 update =
        new RdmaLayoutUpdate4(List.of(new RdmaRange4(0, 4096), new RdmaRange4(-1, 1)));
    assertThat(RdmaLayoutUpdate4.decode(encoded(update::encode))).isEqualTo(update);
    XdrReader empty = encoded(RdmaLayoutUpdate4.EMPTY::encode);
    assertThat(empty.remaining()).isEqualTo(4);
    assertThat(RdmaLayoutUpdate4.decode(empty)).isEqualTo(RdmaLayoutUpdate4.EMPTY);
  }

  @Test
  void deviceAddressesComeBack() {
    RdmaDeviceAddr4 address =
        new RdmaDeviceAddr4(NetAddr4.of(RdmaDeviceAddr4.NETID_RDMA, "127.0.0.1", 20049));
    assertThat(RdmaDeviceAddr4.decode(encoded(address::encode))).isEqualTo(address);
    RdmaDeviceAddr4 other = new RdmaDeviceAddr4(address.addr(), RdmaDeviceAddr4.INFINIBAND, false);
    assertThat(RdmaDeviceAddr4.decode(encoded(other::encode))).isEqualTo(other);
    for (String transport : List.of(RdmaDeviceAddr4.INFINIBAND, RdmaDeviceAddr4.IWARP)) {
      RdmaDeviceAddr4 flushed = new RdmaDeviceAddr4(address.addr(), transport, true);
      assertThat(RdmaDeviceAddr4.decode(encoded(flushed::encode))).isEqualTo(flushed);
    }
  }

  @Test
  void addressOfAnIwarpDeviceIsTheDraftsAndNothingMore() {
    NetAddr4 where = NetAddr4.of(RdmaDeviceAddr4.NETID_RDMA, "127.0.0.1", 20049);
    XdrReader in = encoded(new RdmaDeviceAddr4(where)::encode);
    assertThat(NetAddr4.decode(in)).isEqualTo(where);
    assertThat(in.remaining()).isZero();
  }

  @Test
  void countsThatLieAreRefused() {
    for (int count : new int[] {Integer.MAX_VALUE, -1, RdmaLayout4.EXTENTS_MAX + 1}) {
      assertThatThrownBy(() -> RdmaLayout4.decode(encoded(o -> o.int32(count))))
          .isSameAs(Kind.OVER_BOUND.exception());
      assertThatThrownBy(() -> RdmaLayoutUpdate4.decode(encoded(o -> o.int32(count))))
          .isSameAs(Kind.OVER_BOUND.exception());
    }
    assertThatThrownBy(() -> RdmaLayout4.decode(encoded(o -> o.int32(1))))
        .isSameAs(Kind.TRUNCATED.exception());
  }

  @Property
  void randomBodiesAreReadOrRefused(@ForAll @Size(max = 200) byte[] bytes) {
    for (Consumer<XdrReader> codec :
        List.<Consumer<XdrReader>>of(
            RdmaLayout4::decode, RdmaLayoutUpdate4::decode, RdmaDeviceAddr4::decode)) {
      XdrReader in = new XdrReader(ByteBuffer.wrap(bytes));
      try {
        codec.accept(in);
      } catch (XdrException _) {
        // That it is no other exception is the point.
      }
      assertThat(in.position()).isLessThanOrEqualTo(bytes.length);
    }
  }
}
