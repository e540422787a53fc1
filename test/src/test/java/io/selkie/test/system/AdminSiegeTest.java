package io.selkie.test.system;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.selkie.server.admin.AdminClient;
import io.selkie.server.admin.AdminRequest;
import io.selkie.test.wire.Op;
import io.selkie.test.wire.RawNfs;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Goal: nothing from the side of the administrators blocks that of the data.
 *
 * <p>Method: a server with many layouts is asked for lists that nobody reads, by its socket and by
 * HTTP; events are watched by who reads none of them; nonsense and huge requests come; a hundred
 * connections are held open. Meanwhile one client reads one-sided and through the server, and
 * another takes and returns layouts of the very file that the lists stand at.
 */
@Tag("slow")
@Timeout(600)
class AdminSiegeTest {

  /** A list of them is longer than what sockets and server keep of an answer. */
  private static final int LAYOUTS = 24_000;

  private static final int AT_A_TIME = 12;
  private static final int PAGE = 4096;
  private static final int ROUNDS = 500;
  private static final int CHANGES = 100;

  /** Of the connections that are held open, beginning with those to the socket. */
  private static final int FIRST_HTTP_LIST = 16;

  private static final int FIRST_STREAM = 46;

  /** After so long the server cuts off who does not read: what waited for him would go on. */
  private static final int STALL_SECONDS = 30;

  @Test
  void clientsAreServedWhileAdministratorsReadNothing() throws Exception {
    List<AutoCloseable> held = new ArrayList<>();
    try (ServerUnderTest under =
            ServerUnderTest.start(ServerUnderTest.LONG_LEASES + "http: {listen: '127.0.0.1:0'}\n");
        RawNfs holder = RawNfs.connect(under.server().nfs(), "holder");
        RawNfs other = RawNfs.connect(under.server().nfs(), "other")) {
      Path state = under.server().export().resolveSibling("export.state").resolve("state");
      Path socket = state.resolve("ctl.sock");
      Files.write(under.server().export().resolve("held"), new byte[LAYOUTS * PAGE]);
      String export = under.server().exportName();
      fill(holder, holder.open(export, "held"));
      RawNfs.OpenFile file = other.open(export, "held");
      JsonNode status = status(socket);
      assertThat(status.path("layouts").asInt()).isGreaterThanOrEqualTo(LAYOUTS);
      String[] address = status.path("httpAddress").asText().split(":");
      InetSocketAddress http = new InetSocketAddress(address[0], Integer.parseInt(address[1]));
      try (Bystander bystander = new Bystander(under.server())) {
        change(other, file);
        double quiet = bystander.p99Micros(ROUNDS);
        nonsense(http, socket);
        siege(http, socket, held);
        long before = System.nanoTime();
        change(other, file);
        double besieged = bystander.p99Micros(ROUNDS);
        long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - before);
        System.out.printf(
            "p99 of a read of each kind: %.0f us, besieged %.0f us; %d s%n",
            quiet, besieged, seconds);
        assertThat(seconds).as("seconds for clients' work").isLessThan(STALL_SECONDS);
        assertThat(besieged).isLessThan(Math.max(20 * quiet, 2e6));
        assertBegun(held);
        bystander.assertStillServed();
      }
      under.assertSound();
    } finally {
      for (AutoCloseable each : held) {
        each.close();
      }
    }
  }

  private static void fill(RawNfs holder, RawNfs.OpenFile file) throws IOException {
    for (int i = 0; i < LAYOUTS; i += AT_A_TIME) {
      Op[] operations = new Op[1 + AT_A_TIME];
      operations[0] = Op.putFh(file.handle().bytes());
      for (int j = 0; j < AT_A_TIME; j++) {
        operations[1 + j] =
            Op.layoutGet(file.stateid().bytes(), Op.IOMODE_READ, (long) (i + j) * PAGE, PAGE, PAGE);
      }
      holder.compound(operations).expectOk();
    }
  }

  private static JsonNode status(Path socket) throws Exception {
    try (AdminClient client = AdminClient.connect(socket)) {
      return client.ask(
          AdminRequest.of("status"),
          new AdminClient.Reader() {
            @Override
            public void row(byte[] json, int offset, int length) {}

            @Override
            public void progress(String text) {}
          });
    }
  }

  /** Takes and returns layouts of the file that is listed. */
  private static void change(RawNfs client, RawNfs.OpenFile file) throws IOException {
    for (int i = 0; i < CHANGES; i++) {
      RawNfs.Layout layout =
          client.layoutGet(file, file.stateid(), Op.IOMODE_READ, (long) i * PAGE, PAGE);
      assertThat(layout.status()).isZero();
      client
          .compound(
              Op.putFh(file.handle().bytes()),
              Op.layoutReturn(layout.stateid().bytes(), Op.IOMODE_READ, (long) i * PAGE, PAGE))
          .expectOk();
    }
  }

  private static void nonsense(InetSocketAddress http, Path socket) throws IOException {
    byte[] huge = new byte[1 << 20];
    Arrays.fill(huge, (byte) 'x');
    for (int i = 0; i < 30; i++) {
      try (Socket wrong = connect(http);
          Socket large = connect(http);
          SocketChannel local = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
        wrong.getOutputStream().write("\0\1\2 nonsense\r\n\r\n".getBytes(ISO_8859_1));
        local.write(ByteBuffer.wrap("{nonsense\n".getBytes(UTF_8)));
        local.write(ByteBuffer.wrap(huge));
        large.getOutputStream().write("GET / HTTP/1.1\r\nX: ".getBytes(ISO_8859_1));
        large.getOutputStream().write(huge);
      } catch (IOException _) {
        // It was told that this is too much, and cut off.
      }
    }
  }

  private static Socket connect(InetSocketAddress http) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.connect(http);
    return socket;
  }

  /** A hundred connections that ask and read nothing, or do not even ask. */
  private static void siege(InetSocketAddress http, Path socket, List<AutoCloseable> held)
      throws IOException {
    for (int i = 0; i < FIRST_HTTP_LIST; i++) {
      SocketChannel local = SocketChannel.open(UnixDomainSocketAddress.of(socket));
      held.add(local);
      local.write(ByteBuffer.wrap("{\"command\":\"layouts\"}\n".getBytes(UTF_8)));
    }
    for (int i = 0; i < 84; i++) {
      Socket remote = connect(http);
      held.add(remote);
      String path =
          i < FIRST_STREAM - FIRST_HTTP_LIST ? "/api/v1/layouts" : i < 46 ? "/api/v1/stream" : null;
      if (path != null) {
        String request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
        remote.getOutputStream().write(request.getBytes(ISO_8859_1));
      }
    }
  }

  /** The answers were begun, and who should have read them was not cut off: this was a siege. */
  private static void assertBegun(List<AutoCloseable> held) throws IOException {
    SocketChannel local = (SocketChannel) held.getFirst();
    ByteBuffer begun = ByteBuffer.allocate(8);
    while (begun.hasRemaining() && local.read(begun) >= 0) {
      // A few bytes.
    }
    assertThat(new String(begun.array(), UTF_8)).isEqualTo("{\"row\":{");
    for (int each : new int[] {FIRST_HTTP_LIST, FIRST_STREAM}) {
      Socket remote = (Socket) held.get(each);
      assertThat(new String(remote.getInputStream().readNBytes(12), UTF_8))
          .isEqualTo("HTTP/1.1 200");
    }
  }
}
