package io.selkie.test.wire;

import static java.nio.charset.StandardCharsets.UTF_8;

/** NFSv4.1 operations written by hand from RFC 8881 (numbers: its section 16.2.1). */
public final class Op {

  public static final int CLOSE = 4;
  public static final int COMMIT = 5;
  public static final int GETFH = 10;
  public static final int LOOKUP = 15;
  public static final int OPEN = 18;
  public static final int PUTFH = 22;
  public static final int PUTROOTFH = 24;
  public static final int READ = 25;
  public static final int SAVEFH = 32;
  public static final int SETATTR = 34;
  public static final int WRITE = 38;
  public static final int EXCHANGE_ID = 42;
  public static final int CREATE_SESSION = 43;
  public static final int GETDEVICEINFO = 47;
  public static final int LAYOUTCOMMIT = 49;
  public static final int LAYOUTGET = 50;
  public static final int LAYOUTRETURN = 51;
  public static final int SEQUENCE = 53;
  public static final int RECLAIM_COMPLETE = 58;
  public static final int COPY = 60;
  public static final int READ_PLUS = 68;

  public static final int CB_LAYOUTRECALL = 5;
  public static final int CB_SEQUENCE = 11;

  public static final int IOMODE_READ = 1;
  public static final int IOMODE_RW = 2;
  public static final long LAYOUT4_BLOCK_VOLUME = 3;
  public static final long LAYOUT4_RDMA = 0x80000006L;

  private final int number;
  private final XdrBytes arguments;

  /** Any operation with any arguments. */
  public Op(int number, XdrBytes arguments) {
    this.number = number;
    this.arguments = arguments;
  }

  int number() {
    return number;
  }

  XdrBytes encoded() {
    return new XdrBytes().u32(number).append(arguments);
  }

  /** EXCHANGE_ID of an owner. */
  static Op exchangeId(byte[] verifier, String owner) {
    return new Op(EXCHANGE_ID, new XdrBytes().fixed(verifier).string(owner).u32(0).u32(0).u32(0));
  }

  static Op createSession(long clientId, int sequence, boolean backChannel) {
    XdrBytes channel =
        new XdrBytes().u32(0).u32(1 << 20).u32(1 << 20).u32(4096).u32(64).u32(8).u32(0);
    return new Op(
        CREATE_SESSION,
        new XdrBytes()
            .u64(clientId)
            .u32(sequence)
            .u32(backChannel ? 2 : 0)
            .append(channel)
            .append(channel)
            .u32(0x40000000)
            .u32(1)
            .u32(0));
  }

  static Op sequence(byte[] session, int sequence, int slot) {
    return new Op(SEQUENCE, new XdrBytes().fixed(session).u32(sequence).u32(slot).u32(slot).u32(0));
  }

  public static Op putRootFh() {
    return new Op(PUTROOTFH, new XdrBytes());
  }

  public static Op putFh(byte[] handle) {
    return new Op(PUTFH, new XdrBytes().opaque(handle));
  }

  public static Op getFh() {
    return new Op(GETFH, new XdrBytes());
  }

  public static Op lookup(String name) {
    return new Op(LOOKUP, new XdrBytes().opaque(name.getBytes(UTF_8)));
  }

  public static Op reclaimComplete() {
    return new Op(RECLAIM_COMPLETE, new XdrBytes().u32(0));
  }

  /** OPEN of a name in the current directory, for reading and writing, denying nothing. */
  public static Op open(long clientId, String owner, String name, boolean create) {
    // To read and write, and no delegation.
    XdrBytes xdr = new XdrBytes().u32(0).u32(0x403).u32(0).u64(clientId).string(owner);
    if (create) {
      // UNCHECKED4 with the one attribute mode (33, so bit 1 of the second word).
      xdr.u32(1).u32(0).u32(2).u32(0).u32(2).opaque(new XdrBytes().u32(0644).bytes());
    } else {
      xdr.u32(0);
    }
    return new Op(OPEN, xdr.u32(0).string(name));
  }

  public static Op close(byte[] stateid) {
    return new Op(CLOSE, new XdrBytes().u32(0).fixed(stateid));
  }

  public static Op read(byte[] stateid, long offset, long count) {
    return new Op(READ, new XdrBytes().fixed(stateid).u64(offset).u32(count));
  }

  /** SETATTR of the size (attribute 4), with the anonymous stateid. */
  public static Op setSize(long bytes) {
    return new Op(
        SETATTR,
        new XdrBytes()
            .fixed(new byte[16])
            .u32(1)
            .u32(1 << 4)
            .opaque(new XdrBytes().u64(bytes).bytes()));
  }

  /** WRITE, FILE_SYNC4. */
  public static Op write(byte[] stateid, long offset, byte[] data) {
    return write(stateid, offset, 2, data);
  }

  /** WRITE, UNSTABLE4. */
  public static Op writeUnstable(byte[] stateid, long offset, byte[] data) {
    return write(stateid, offset, 0, data);
  }

  private static Op write(byte[] stateid, long offset, int stable, byte[] data) {
    return new Op(WRITE, new XdrBytes().fixed(stateid).u64(offset).u32(stable).opaque(data));
  }

  /** COMMIT of the whole file. */
  public static Op commit() {
    return new Op(COMMIT, new XdrBytes().u64(0).u32(0));
  }

  /** READ_PLUS, of NFSv4.2. */
  public static Op readPlus(byte[] stateid, long offset, long count) {
    return new Op(READ_PLUS, new XdrBytes().fixed(stateid).u64(offset).u32(count));
  }

  public static Op saveFh() {
    return new Op(SAVEFH, new XdrBytes());
  }

  /** COPY of NFSv4.2, within the server and done when it is answered. */
  public static Op copy(byte[] from, byte[] to, long fromOffset, long toOffset, long count) {
    return new Op(
        COPY,
        new XdrBytes()
            .fixed(from)
            .fixed(to)
            .u64(fromOffset)
            .u64(toOffset)
            .u64(count)
            .u32(1)
            .u32(1)
            .u32(0));
  }

  /** LAYOUTCOMMIT of a range that was written to its end, by a layout of Selkie's own type. */
  public static Op layoutCommit(byte[] stateid, long offset, long length) {
    return new Op(
        LAYOUTCOMMIT,
        new XdrBytes()
            .u64(offset)
            .u64(length)
            .u32(0)
            .fixed(stateid)
            .u32(1)
            .u64(offset + length - 1)
            .u32(0)
            .u32(LAYOUT4_RDMA)
            .u32(0));
  }

  public static Op layoutGet(byte[] stateid, int ioMode, long offset, long length, long minLength) {
    return layoutGet(stateid, LAYOUT4_RDMA, ioMode, offset, length, minLength);
  }

  /** The same of a type. */
  public static Op layoutGet(
      byte[] stateid, long type, int ioMode, long offset, long length, long minLength) {
    return new Op(
        LAYOUTGET,
        new XdrBytes()
            .u32(0)
            .u32(type)
            .u32(ioMode)
            .u64(offset)
            .u64(length)
            .u64(minLength)
            .fixed(stateid)
            .u32(65536));
  }

  public static Op layoutReturn(byte[] stateid, int ioMode, long offset, long length) {
    return layoutReturn(stateid, LAYOUT4_RDMA, ioMode, offset, length);
  }

  /** The same of a type, without a body. */
  public static Op layoutReturn(byte[] stateid, long type, int ioMode, long offset, long length) {
    return new Op(
        LAYOUTRETURN,
        new XdrBytes()
            .u32(0)
            .u32(type)
            .u32(ioMode)
            .u32(1)
            .u64(offset)
            .u64(length)
            .fixed(stateid)
            .u32(0));
  }

  public static Op getDeviceInfo(byte[] deviceId) {
    return new Op(
        GETDEVICEINFO, new XdrBytes().fixed(deviceId).u32(LAYOUT4_RDMA).u32(65536).u32(0));
  }
}
