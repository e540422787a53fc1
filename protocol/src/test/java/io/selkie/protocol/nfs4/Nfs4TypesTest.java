package io.selkie.protocol.nfs4;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.selkie.protocol.xdr.XdrException.Kind;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

/** Goal: the small types come back as they went, and mean what the RFC says. */
class Nfs4TypesTest {

  private static XdrReader encoded(Consumer<XdrWriter> content) {
    XdrWriter out = new XdrWriter(ByteBuffer.allocate(4096));
    content.accept(out);
    return new XdrReader(out.buffer().flip());
  }

  @Property
  void bitmapsComeBack(@ForAll @Size(max = 30) Set<@IntRange(max = 127) Integer> numbers) {
    Bitmap4 bitmap = new Bitmap4();
    numbers.forEach(bitmap::set);
    XdrReader in = encoded(bitmap::encode);
    assertThat(in.remaining()).isEqualTo(bitmap.encodedBytes());
    Bitmap4 back = new Bitmap4().decode(in);
    assertThat(back).isEqualTo(bitmap).hasSameHashCodeAs(bitmap);
    Set<Integer> listed = new TreeSet<>();
    for (int i = back.next(0); i >= 0; i = back.next(i + 1)) {
      listed.add(i);
    }
    assertThat(listed).isEqualTo(new TreeSet<>(numbers));
    numbers.forEach(number -> assertThat(back.isSet(number)).isTrue());
  }

  @Test
  void bitmapWordsHoldTheLowNumbersFirst() {
    XdrReader in = encoded(Bitmap4.of(0, 33, 79)::encode);
    assertThat(in.int32()).isEqualTo(3);
    assertThat(in.int32()).isEqualTo(1);
    assertThat(in.int32()).isEqualTo(2);
    assertThat(in.int32()).isEqualTo(1 << 15);
  }

  @Test
  void numbersBeyondTheCapacityAreRememberedAsBeyond() {
    XdrReader in =
        encoded(o -> {
          o.int32(6);
          for (int i = 0; i < 5; i++) {
            o.int32(0);
          }
          o.int32(8);
        });
    Bitmap4 bitmap = new Bitmap4().decode(in);
    assertThat(bitmap.hasBeyond()).isTrue();
    assertThat(bitmap.isEmpty()).isFalse();
    assertThat(bitmap.next(0)).isEqualTo(-1);
    assertThat(Bitmap4.of(1).containsAll(bitmap)).isFalse();
    assertThat(bitmap.clear().isEmpty()).isTrue();
  }

  @Test
  void bitmapsOfTooManyWordsAreRefused() {
    assertThatThrownBy(() -> new Bitmap4().decode(encoded(o -> o.int32(65))))
        .isSameAs(Kind.OVER_BOUND.exception());
    assertThatThrownBy(() -> Bitmap4.skip(encoded(o -> o.int32(Integer.MAX_VALUE))))
        .isSameAs(Kind.OVER_BOUND.exception());
    assertThatThrownBy(() -> new Bitmap4().set(128)).isInstanceOf(IllegalArgumentException.class);
  }

  @Property
  void setsAddAndSubtract(
      @ForAll Set<@IntRange(max = 127) Integer> first,
      @ForAll Set<@IntRange(max = 127) Integer> second) {
    Bitmap4 a = new Bitmap4();
    first.forEach(a::set);
    Bitmap4 b = new Bitmap4();
    second.forEach(b::set);
    Set<Integer> union = new TreeSet<>(first);
    union.addAll(second);
    Set<Integer> common = new TreeSet<>(first);
    common.retainAll(second);
    Set<Integer> rest = new TreeSet<>(first);
    rest.removeAll(second);
    for (int i = 0; i < Bitmap4.CAPACITY; i++) {
      assertThat(new Bitmap4().assign(a).or(b).isSet(i)).isEqualTo(union.contains(i));
      assertThat(new Bitmap4().assign(a).and(b).isSet(i)).isEqualTo(common.contains(i));
      assertThat(new Bitmap4().assign(a).andNot(b).isSet(i)).isEqualTo(rest.contains(i));
    }
    assertThat(a.containsAll(b)).isEqualTo(first.containsAll(second));
  }

  @Property
  void stateidsComeBack(@ForAll int seqid, @ForAll long high, @ForAll int low) {
    Stateid4 stateid = new Stateid4(seqid, high, low);
    XdrReader in = encoded(o -> Stateids.encode(o, stateid));
    assertThat(in.remaining()).isEqualTo(Stateids.BYTES);
    assertThat(Stateids.decode(in)).isEqualTo(stateid);
  }

  @Test
  void specialStateidsAreRecognised() {
    for (Stateid4 special :
        new Stateid4[] {
          Stateids.ANONYMOUS, Stateids.READ_BYPASS, Stateids.CURRENT, Stateids.INVALID
        }) {
      assertThat(Stateids.decode(encoded(o -> Stateids.encode(o, special)))).isSameAs(special);
      assertThat(Stateids.isSpecial(special)).isTrue();
    }
    assertThat(Stateids.isSpecial(new Stateid4(7, 0, 0))).isTrue();
    assertThat(Stateids.isSpecial(new Stateid4(1, 1, 0))).isFalse();
  }

  @Property
  void otherSmallTypesComeBack(@ForAll long a, @ForAll long b, @ForAll int c) {
    SessionId4 session = new SessionId4(a, b);
    assertThat(SessionId4.decode(encoded(session::encode))).isEqualTo(session);
    DeviceId4 device = new DeviceId4(a, b);
    assertThat(DeviceId4.decode(encoded(device::encode))).isEqualTo(device);
    Verifier4 verifier = new Verifier4(a);
    assertThat(Verifier4.decode(encoded(verifier::encode))).isEqualTo(verifier);
    NfsTime4 time = new NfsTime4(a, c);
    assertThat(NfsTime4.decode(encoded(time::encode))).isEqualTo(time);
    assertThat(time.isValid()).isEqualTo(c >= 0 && c < 1_000_000_000);
  }

  @Test
  void channelAttributesComeBackAndIrdIsReadPast() {
    ChannelAttrs4 attrs = new ChannelAttrs4(0, 1, 0xFFFF_FFFFL, 3, 4, 5);
    assertThat(ChannelAttrs4.decode(encoded(attrs::encode))).isEqualTo(attrs);
    XdrReader withIrd =
        encoded(o -> {
          for (int i = 0; i < 6; i++) {
            o.int32(i);
          }
          o.int32(1);
          o.int32(99);
          o.int32(4711);
        });
    ChannelAttrs4.decode(withIrd);
    assertThat(withIrd.int32()).isEqualTo(4711);
  }

  @Test
  void universalAddressesNameHostAndPort() {
    NetAddr4 four = NetAddr4.of("tcp", "192.0.2.7", 2049);
    assertThat(four.uaddr()).isEqualTo("192.0.2.7.8.1");
    assertThat(NetAddr4.decode(encoded(four::encode))).isEqualTo(four);
    assertThat(four.host()).isEqualTo("192.0.2.7");
    assertThat(four.port()).isEqualTo(2049);
    NetAddr4 six = NetAddr4.of("rdma6", "2001:db8::1", 65535);
    assertThat(six.host()).isEqualTo("2001:db8::1");
    assertThat(six.port()).isEqualTo(65535);
    for (String bad : new String[] {"", "1.2", "a.b.c", "1.2.3.4.256.1", "1.2.3.4.-1.1", ".1.1"}) {
      NetAddr4 address = new NetAddr4("tcp", bad);
      assertThatThrownBy(
              () -> {
                address.host();
                address.port();
              })
          .as(bad)
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> NetAddr4.of("tcp", "h", 65536))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void numbersHaveTheirNames() {
    assertThat(NfsStat4.name(10078)).isEqualTo("NFS4ERR_DEADSESSION");
    assertThat(NfsStat4.name(4711)).isEqualTo("nfsstat4 4711");
    assertThat(NfsOp4.name(53)).isEqualTo("OP_SEQUENCE");
    assertThat(NfsCbOp4.name(5)).isEqualTo("OP_CB_LAYOUTRECALL");
    assertThat(FileAttributes.name(64)).isEqualTo("FATTR4_LAYOUT_TYPES");
  }

  @Test
  void minorVersionsDefineTheirOperations() {
    assertThat(NfsOp4.isDefined(1, NfsOp4.OP_RECLAIM_COMPLETE)).isTrue();
    assertThat(NfsOp4.isDefined(1, NfsOp4.OP_ALLOCATE)).isFalse();
    assertThat(NfsOp4.isDefined(2, NfsOp4.OP_CLONE)).isTrue();
    assertThat(NfsOp4.isDefined(2, NfsOp4.OP_REMOVEXATTR)).isTrue();
    assertThat(NfsOp4.isDefined(2, 76)).isFalse();
    assertThat(NfsOp4.isDefined(2, 2)).isFalse();
    assertThat(NfsOp4.isDefined(1, NfsOp4.OP_ILLEGAL)).isFalse();
  }
}
