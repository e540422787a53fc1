package io.selkie.rdma.iwarp;

import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/** FPDUs made by hand, from the RFCs and not from the code under test. */
final class Frames {

  private Frames() {}

  static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex.replaceAll("\\s", ""));
  }

  /** Length, ULPDU, pad, CRC. */
  static byte[] fpdu(byte[] ulpdu) {
    return fpdu(ulpdu, 0);
  }

  /**
   * An FPDU whose CRC may be spoiled.
   *
   * @param crcFlip xor of the CRC
   */
  static byte[] fpdu(byte[] ulpdu, int crcFlip) {
    int padded = (2 + ulpdu.length + 3) / 4 * 4;
    ByteBuffer out = ByteBuffer.allocate(padded + 4);
    out.putShort((short) ulpdu.length).put(ulpdu);
    CRC32C crc = new CRC32C();
    crc.update(out.array(), 0, padded);
    int value = (int) crc.getValue() ^ crcFlip;
    out.position(padded);
    out.put((byte) value).put((byte) (value >> 8)).put((byte) (value >> 16));
    out.put((byte) (value >> 24));
    return out.array();
  }

  static byte[] tagged(int opcode, boolean last, int key, long offset, byte[] payload) {
    return ByteBuffer.allocate(14 + payload.length)
        .put((byte) (0x81 | (last ? 0x40 : 0)))
        .put((byte) (0x40 | opcode))
        .putInt(key)
        .putLong(offset)
        .put(payload)
        .array();
  }

  static byte[] untagged(
      int opcode,
      boolean last,
      int invalidatedKey,
      int queue,
      int sequence,
      int offset,
      byte[] payload) {
    return ByteBuffer.allocate(18 + payload.length)
        .put((byte) (0x01 | (last ? 0x40 : 0)))
        .put((byte) (0x40 | opcode))
        .putInt(invalidatedKey)
        .putInt(queue)
        .putInt(sequence)
        .putInt(offset)
        .put(payload)
        .array();
  }

  static byte[] readRequest(
      int sequence, int sinkKey, long sinkOffset, int bytes, int sourceKey, long sourceOffset) {
    return untagged(
        1,
        true,
        0,
        1,
        sequence,
        0,
        ByteBuffer.allocate(28)
            .putInt(sinkKey)
            .putLong(sinkOffset)
            .putInt(bytes)
            .putInt(sourceKey)
            .putLong(sourceOffset)
            .array());
  }

  static byte[] send(int sequence, byte[] payload) {
    return untagged(3, true, 0, 0, sequence, 0, payload);
  }

  /** Another octet at one place. */
  static byte[] with(byte[] frame, int at, int value) {
    byte[] copy = frame.clone();
    copy[at] = (byte) value;
    return copy;
  }

  static byte[] mpaRequest(int flags, int revision, byte[] privateData) {
    return mpa("MPA ID Req Frame", flags, revision, privateData);
  }

  static byte[] mpa(String key, int flags, int revision, byte[] privateData) {
    return ByteBuffer.allocate(20 + privateData.length)
        .put(key.getBytes(java.nio.charset.StandardCharsets.US_ASCII))
        .put((byte) flags)
        .put((byte) revision)
        .putShort((short) privateData.length)
        .put(privateData)
        .array();
  }
}
