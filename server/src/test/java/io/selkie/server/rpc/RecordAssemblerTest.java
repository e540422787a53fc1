package io.selkie.server.rpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.selkie.protocol.rpc.RecordMark;
import io.selkie.server.rpc.RecordAssembler.BadRecordException;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Goal: whatever way a stream of records is cut up, the same records come out of it. */
class RecordAssemblerTest {

  private static final int MAX = 300_000;

  private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true);
  private final RecordAssembler assembler =
      new RecordAssembler(allocator, new LargeBuffers(MAX), MAX, _ -> true);
  private final List<byte[]> records = new ArrayList<>();
  private int straight;

  private void onRecord(ByteBuf buffer, int offset, int length) {
    records.add(ByteBufUtil.getBytes(buffer, offset, length));
  }

  @Property(tries = 200)
  void recordsComeOutAsTheyWentInAndNothingLeaks(@ForAll long seed) throws Exception {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    List<byte[]> sent = new ArrayList<>();
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    for (int i = random.nextInt(1, 6); i > 0; i--) {
      byte[] record = new byte[random.nextInt(random.nextBoolean() ? 200 : MAX)];
      random.nextBytes(record);
      sent.add(record);
      writeInFragments(stream, record, random);
    }
    RecordAssemblerTest fresh = new RecordAssemblerTest();
    fresh.feed(stream.toByteArray(), random);
    assertThat(fresh.records).hasSameSizeAs(sent);
    for (int i = 0; i < sent.size(); i++) {
      assertThat(fresh.records.get(i)).isEqualTo(sent.get(i));
    }
    assertThat(fresh.assembler.inRecord()).isFalse();
    assertThat(fresh.allocator.metric().usedDirectMemory()).isZero();
  }

  private static void writeInFragments(
      ByteArrayOutputStream stream, byte[] record, RandomGenerator random) {
    int at = 0;
    boolean last;
    do {
      int rest = record.length - at;
      int length = random.nextInt(3) > 0 ? rest : random.nextInt(rest + 1);
      last = at + length == record.length;
      int mark = last ? RecordMark.lastFragment(length) : length;
      stream.writeBytes(ByteBuffer.allocate(4).putInt(mark).array());
      stream.write(record, at, length);
      at += length;
    } while (!last);
  }

  /** Feeds a stream in chunks, straight into the record where the assembler wants that. */
  private void feed(byte[] bytes, RandomGenerator random) throws BadRecordException {
    int at = 0;
    while (at < bytes.length) {
      ByteBuf chunk = assembler.receiveBuffer();
      int most = random.nextInt(4) == 0 ? 5 : 70_000;
      int length = Math.min(bytes.length - at, random.nextInt(1, most));
      if (chunk != null) {
        straight++;
        length = Math.min(length, chunk.writableBytes());
        chunk.writeBytes(bytes, at, length);
      } else {
        chunk = allocator.directBuffer(length).writeBytes(bytes, at, length);
      }
      at += length;
      while (chunk.isReadable()) {
        // Now and then nothing more may be taken for a while: the rest stays in the chunk.
        assembler.consume(chunk, this::onRecord, random::nextBoolean);
      }
      chunk.release();
    }
  }

  @Test
  void longRecordsAreReadStraightIntoPlace() throws Exception {
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    byte[] record = new byte[MAX];
    stream.writeBytes(ByteBuffer.allocate(4).putInt(RecordMark.lastFragment(MAX)).array());
    stream.writeBytes(record);
    feed(stream.toByteArray(), RandomGenerator.of("L64X128MixRandom"));
    assertThat(records).hasSize(1);
    assertThat(straight).isPositive();
  }

  @Test
  void announcedLengthIsNotAllocatedBeforeBytesCome() throws Exception {
    ByteBuf mark = Unpooled.buffer().writeInt(RecordMark.lastFragment(MAX)).writeByte(1);
    assembler.consume(mark, this::onRecord, () -> true);
    assertThat(assembler.inRecord()).isTrue();
    assertThat(allocator.metric().usedDirectMemory())
        .isLessThanOrEqualTo(RecordAssembler.TRUSTED_BYTES);
    assembler.close();
    assertThat(allocator.metric().usedDirectMemory()).isZero();
  }

  @Test
  void recordBeyondTheLimitIsRefusedAndWhatFollowsIsSkipped() throws Exception {
    assertThatThrownBy(() -> feedMark(RecordMark.lastFragment(MAX + 1)))
        .isInstanceOf(BadRecordException.class);
    feedMark(RecordMark.lastFragment(0));
    assertThat(records).isEmpty();
  }

  @Test
  void recordBeyondTheLimitIsRefusedAlsoInPieces() throws Exception {
    feedMark(MAX);
    ByteBuf rest = allocator.directBuffer(MAX).writeZero(MAX);
    assembler.consume(rest, this::onRecord, () -> true);
    rest.release();
    assertThatThrownBy(() -> feedMark(RecordMark.lastFragment(1)))
        .isInstanceOf(BadRecordException.class);
  }

  private void feedMark(int mark) throws BadRecordException {
    assembler.consume(Unpooled.buffer().writeInt(mark), this::onRecord, () -> true);
  }
}
