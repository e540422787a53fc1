package io.selkie.test.siw;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/**
 * The peer in the guest, on the kernel's verbs: what it can be told, with types.
 *
 * <p>Times are bounds, not measures: everything is waited for, and the guest is emulated.
 */
final class KernelPeer implements AutoCloseable {

  /** For what has to come. */
  static final int MILLIS = 60_000;

  private static final HexFormat HEX = HexFormat.of();

  private final SiwGuest guest;
  private final int listener;

  /** Listens on the guest's first port. */
  KernelPeer(SiwGuest guest) throws IOException {
    this.guest = guest;
    listener = Integer.parseInt(guest.tell("listen", SiwGuest.PORT)[1]);
  }

  /** A registered region: its number, what a remote peer needs, and its size. */
  record Region(int number, int key, long address, int bytes) {}

  /** A connection that wants in. */
  record Request(int endpoint, ByteBuffer privateData) {}

  /** How a work request of the kernel's ended. */
  record Completion(long id, String status, int opcode, int bytes, int invalidatedKey) {
    boolean succeeded() {
      return status.equals("success");
    }
  }

  /** What a connection attempt of the kernel's came to. */
  record Answer(boolean accepted, ByteBuffer privateData) {}

  /** A started program's end. */
  record Ended(int status, String output) {}

  SiwGuest guest() {
    return guest;
  }

  /** Address on this machine that leads to the guest's ports. */
  String address() {
    return guest.address();
  }

  // ---- memory ----

  int domain() throws IOException {
    return Integer.parseInt(guest.tell("pd")[1]);
  }

  /**
   * Registers zeroes.
   *
   * @param rights of r and w, or -
   */
  Region register(int domain, int bytes, String rights) throws IOException {
    String[] words = guest.tell("reg", domain, bytes, rights);
    return new Region(Integer.parseInt(words[1]), (int) parsed(words[2]), parsed(words[3]), bytes);
  }

  void deregister(Region region) throws IOException {
    guest.tell("dereg", region.number);
  }

  void fill(Region region, int offset, int length, int seed) throws IOException {
    guest.tell("fill", region.number, offset, length, seed);
  }

  long sum(Region region, int offset, int length) throws IOException {
    return parsed(guest.tell("sum", region.number, offset, length)[1]);
  }

  private static long parsed(String hex) {
    return Long.parseUnsignedLong(hex.substring(2), 16);
  }

  // ---- connections ----

  /** The next connection that wants in. */
  Request request() throws IOException {
    String[] words = guest.tell("request", listener, MILLIS);
    assertThat(words[0]).as("a request of a connection").isEqualTo("ok");
    return new Request(Integer.parseInt(words[1]), ByteBuffer.wrap(data(words[2])));
  }

  /** An end point for a connection to this machine. */
  int resolve(int port) throws IOException {
    return Integer.parseInt(guest.tell("resolve", SiwGuest.HOST, port, MILLIS)[1]);
  }

  void queuePair(int endpoint, int domain) throws IOException {
    guest.tell("qp", endpoint, domain, 64);
  }

  void accept(int endpoint, byte[] privateData) throws IOException {
    guest.tell("accept", endpoint, hex(privateData), 16, 16);
  }

  void awaitEstablished(int endpoint) throws IOException {
    awaitEvent(endpoint, "RDMA_CM_EVENT_ESTABLISHED");
  }

  void reject(int endpoint, byte[] privateData) throws IOException {
    guest.tell("reject", endpoint, hex(privateData));
  }

  Answer connect(int endpoint, byte[] privateData) throws IOException {
    String[] words = guest.tell("connect", endpoint, hex(privateData), 16, 16, MILLIS);
    boolean accepted = words[0].equals("ok");
    return new Answer(accepted, ByteBuffer.wrap(data(words[accepted ? 1 : 3])));
  }

  void disconnect(int endpoint) throws IOException {
    guest.tell("disconnect", endpoint);
  }

  void close(int endpoint) throws IOException {
    guest.tell("close", endpoint);
  }

  /** Waits for the connection's end. */
  void awaitDisconnected(int endpoint) throws IOException {
    awaitEvent(endpoint, "RDMA_CM_EVENT_DISCONNECTED");
  }

  private void awaitEvent(int endpoint, String name) throws IOException {
    assertThat(guest.tell("event", endpoint, MILLIS)).contains(name);
  }

  // ---- work ----

  void write(int endpoint, long id, Region from, int offset, int length, int key, long address)
      throws IOException {
    guest.tell("write", endpoint, id, from.number, offset, length, unsigned(key), hex(address));
  }

  void read(int endpoint, long id, Region into, int offset, int length, int key, long address)
      throws IOException {
    guest.tell("read", endpoint, id, into.number, offset, length, unsigned(key), hex(address));
  }

  /**
   * @param flags of s (solicited) and i (invalidates {@code key}), or -
   */
  void send(int endpoint, long id, Region from, int offset, int length, String flags, int key)
      throws IOException {
    guest.tell("send", endpoint, id, from.number, offset, length, flags, unsigned(key));
  }

  void receive(int endpoint, long id, Region into, int offset, int length) throws IOException {
    guest.tell("recv", endpoint, id, into.number, offset, length);
  }

  /** The next completion, which has to come. */
  Completion completion(int endpoint) throws IOException {
    String[] words = guest.tell("poll", endpoint, MILLIS);
    assertThat(words[0]).as("a completion").isEqualTo("ok");
    return new Completion(
        Long.parseLong(words[1]),
        words[2],
        Integer.parseInt(words[3]),
        (int) Long.parseLong(words[4]),
        (int) parsed(words[5]));
  }

  /** The next completion, which has to be that of this request, and a success. */
  Completion succeeded(int endpoint, long id) throws IOException {
    Completion completion = completion(endpoint);
    assertThat(completion.succeeded()).as(completion.toString()).isTrue();
    assertThat(completion.id()).as(completion.toString()).isEqualTo(id);
    return completion;
  }

  // ---- the machine ----

  /** Sets a parameter of the kernel's iWARP. */
  void set(String parameter, int value) throws IOException {
    guest.tell("set", parameter, value);
  }

  /** What the kernel said since last asked. */
  String kernelWords() throws IOException {
    return new String(data(guest.tell("kernel")[1]), UTF_8);
  }

  /** Starts a program; its number. */
  int start(String command) throws IOException {
    return Integer.parseInt(guest.tell("start", command)[1]);
  }

  /** Waits for a program's end. */
  Ended finish(int program) throws IOException {
    String[] words = guest.tell("finish", program, MILLIS);
    return new Ended(Integer.parseInt(words[1]), new String(data(words[2]), UTF_8));
  }

  private static String unsigned(int value) {
    return Integer.toUnsignedString(value);
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  private static String hex(byte[] data) {
    return data.length == 0 ? "-" : HEX.formatHex(data);
  }

  private static byte[] data(String word) {
    return word.equals("-") ? new byte[0] : HEX.parseHex(word);
  }

  @Override
  public void close() throws InterruptedException {
    guest.close();
  }
}
