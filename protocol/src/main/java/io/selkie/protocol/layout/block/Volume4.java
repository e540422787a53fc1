package io.selkie.protocol.layout.block;

import io.selkie.protocol.xdr.XdrException;
import io.selkie.protocol.xdr.XdrReader;
import io.selkie.protocol.xdr.XdrWriter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * pnfs_block_volume4 (RFC 5663 section 2.2.2) and pnfs_scsi_volume4 (RFC 8154 section 2.3.2). Those
 * made of others are the same in both; a block volume ends in {@link Simple} ones, a SCSI volume in
 * {@link Base} ones.
 *
 * <pre>
 *           +------+----------------------------------------------------------------+
 *   simple  |  0   | n | { bsc_sig_offset (8) | bsc_contents&lt;&gt; } * n, n at most 16   |
 *   slice   |  1   | start (8) | length (8) | index of the volume                   |
 *   concat  |  2   | n | index * n                                                  |
 *   stripe  |  3   | stripe unit (8) | n | index * n                                |
 *   base    |  4   | code set | designator type | designator&lt;&gt; | key (8)             |
 *           +------+----------------------------------------------------------------+
 * </pre>
 */
public sealed interface Volume4 {

  /** PNFS_BLOCK_MAX_SIG_COMP. */
  int SIGNATURE_COMPONENTS_MAX = 16;

  /** Longest part of a signature accepted; ours. Linux clients take 128 bytes. */
  int SIGNATURE_BYTES_MAX = 1024;

  /** Longest designator accepted: what the VPD page's length field can say. */
  int DESIGNATOR_BYTES_MAX = 255;

  /** Most volumes that one is made of; ours. */
  int INDICES_MAX = 1024;

  /** Writes it. */
  void encode(XdrWriter out);

  /**
   * pnfs_block_sig_component4: bytes that are found on the volume.
   *
   * @param offset bytes from the start of the volume; negative: from its end
   */
  record Signature(long offset, ByteBuffer contents) {
    /** Copies the bytes. */
    public Signature {
      contents = copyOf(contents);
    }

    /** Of an array. */
    public Signature(long offset, byte[] contents) {
      this(offset, ByteBuffer.wrap(contents));
    }

    @Override
    public ByteBuffer contents() {
      return contents.duplicate();
    }
  }

  /** PNFS_BLOCK_VOLUME_SIMPLE: a unit of storage, known by its content. */
  record Simple(List<Signature> signatures) implements Volume4 {
    private static final int TYPE = 0;

    /** Copies the list. */
    public Simple {
      signatures = List.copyOf(signatures);
    }

    @Override
    public void encode(XdrWriter out) {
      out.int32(TYPE);
      out.int32(signatures.size());
      for (Signature signature : signatures) {
        out.int64(signature.offset());
        out.opaque(signature.contents());
      }
    }

    private static Simple decodeBody(XdrReader in) {
      int count = in.count(SIGNATURE_COMPONENTS_MAX, 12);
      List<Signature> signatures = new ArrayList<>(count);
      for (int i = 0; i < count; i++) {
        long offset = in.int64();
        signatures.add(new Signature(offset, in.opaque(SIGNATURE_BYTES_MAX)));
      }
      return new Simple(signatures);
    }
  }

  /**
   * PNFS_BLOCK_VOLUME_SLICE: a part of another volume.
   *
   * @param start where it begins there, in bytes
   * @param length in bytes
   * @param volume index of that volume
   */
  record Slice(long start, long length, int volume) implements Volume4 {
    private static final int TYPE = 1;

    @Override
    public void encode(XdrWriter out) {
      out.int32(TYPE);
      out.int64(start);
      out.int64(length);
      out.int32(volume);
    }
  }

  /** PNFS_BLOCK_VOLUME_CONCAT: others, one after the other. */
  record Concat(List<Integer> volumes) implements Volume4 {
    private static final int TYPE = 2;

    /** Copies the list. */
    public Concat {
      volumes = List.copyOf(volumes);
    }

    @Override
    public void encode(XdrWriter out) {
      out.int32(TYPE);
      encodeIndices(out, volumes);
    }
  }

  /**
   * PNFS_BLOCK_VOLUME_STRIPE: others of one size, in turn.
   *
   * @param stripeUnit in bytes
   */
  record Stripe(long stripeUnit, List<Integer> volumes) implements Volume4 {
    private static final int TYPE = 3;

    /** Copies the list. */
    public Stripe {
      volumes = List.copyOf(volumes);
    }

    @Override
    public void encode(XdrWriter out) {
      out.int32(TYPE);
      out.int64(stripeUnit);
      encodeIndices(out, volumes);
    }
  }

  /**
   * PNFS_SCSI_VOLUME_BASE: a logical unit, known by its name.
   *
   * @param codeSet pnfs_scsi_code_set: 1 binary, 2 ASCII, 3 UTF-8
   * @param designatorType pnfs_scsi_designator_type: 1 T10, 2 EUI-64, 3 NAA, 8 name
   * @param designator of the Device Identification VPD page
   * @param reservationKey sbv_pr_key: what the client registers
   */
  record Base(int codeSet, int designatorType, ByteBuffer designator, long reservationKey)
      implements Volume4 {
    private static final int TYPE = 4;

    /** Copies the bytes; refuses what RFC 8154 does not define. */
    public Base {
      boolean known =
          codeSet >= 1
              && codeSet <= 3
              && ((designatorType >= 1 && designatorType <= 3) || designatorType == 8);
      if (!known) {
        throw XdrException.Kind.BAD_ENUM.exception();
      }
      designator = copyOf(designator);
    }

    /** Of an array. */
    public Base(int codeSet, int designatorType, byte[] designator, long reservationKey) {
      this(codeSet, designatorType, ByteBuffer.wrap(designator), reservationKey);
    }

    @Override
    public ByteBuffer designator() {
      return designator.duplicate();
    }

    @Override
    public void encode(XdrWriter out) {
      out.int32(TYPE);
      out.int32(codeSet);
      out.int32(designatorType);
      out.opaque(designator());
      out.int64(reservationKey);
    }

    private static Base decodeBody(XdrReader in) {
      int codeSet = in.int32();
      int designatorType = in.int32();
      byte[] designator = in.opaque(DESIGNATOR_BYTES_MAX);
      return new Base(codeSet, designatorType, designator, in.int64());
    }
  }

  /**
   * Reads one.
   *
   * @param scsi whether units are SCSI's; the other kind is refused
   * @param index its place in the array: it may be made of volumes before it only
   */
  static Volume4 decode(XdrReader in, boolean scsi, int index) {
    int type = in.int32();
    switch (type) {
      case Slice.TYPE -> {
        long start = in.int64();
        long length = in.int64();
        return new Slice(start, length, earlier(in.int32(), index));
      }
      case Concat.TYPE -> {
        return new Concat(indices(in, index));
      }
      case Stripe.TYPE -> {
        long unit = in.int64();
        return new Stripe(unit, indices(in, index));
      }
      case Simple.TYPE -> {
        if (!scsi) {
          return Simple.decodeBody(in);
        }
      }
      case Base.TYPE -> {
        if (scsi) {
          return Base.decodeBody(in);
        }
      }
      default -> {}
    }
    throw XdrException.Kind.BAD_ENUM.exception();
  }

  private static ByteBuffer copyOf(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip().asReadOnlyBuffer();
  }

  private static List<Integer> indices(XdrReader in, int index) {
    int count = in.count(INDICES_MAX, Integer.BYTES);
    List<Integer> volumes = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      volumes.add(earlier(in.int32(), index));
    }
    return volumes;
  }

  private static void encodeIndices(XdrWriter out, List<Integer> volumes) {
    out.int32(volumes.size());
    volumes.forEach(out::int32);
  }

  /** So no volume is made of itself, and the array can be read from its start. */
  private static int earlier(int volume, int index) {
    if (volume < 0 || volume >= index) {
      throw XdrException.Kind.OVER_BOUND.exception();
    }
    return volume;
  }
}
